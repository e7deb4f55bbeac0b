//! The part of the command line that says where documents are, and what went wrong with them, in words that help.

use std::path::PathBuf;

use xcap::Conflict;

use super::credentials::Credentials;
use super::terminal::{Terminal, harmless};
use super::{Exit, Surroundings};
use crate::Identity;
use crate::web::{Address, Trust, WebError};
use crate::xdm::{XdmClient, XdmError, XdmOptions};

/// How to reach the documents.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Archive {
    /// Who you are, as user@domain
    #[arg(long = "as", value_name = "IDENTITY", env = "ROLLCALL_IDENTITY")]
    pub(super) identity: Identity,
    /// XCAP root, such as https://xcap.example.com/xcap-root; else https://<your domain>:8443/xcap-root
    #[arg(long, value_name = "URL", env = "ROLLCALL_XCAP_ROOT")]
    root: Option<Address>,
    /// Trust the server whose certificate has this fingerprint, as its log says it: sha256:..
    #[arg(long, value_name = "FINGERPRINT", conflicts_with_all = ["authorities", "insecure"])]
    pin: Option<String>,
    /// Trust what the certificates in this PEM file vouch for; else what this machine trusts
    #[arg(long = "ca", value_name = "FILE", conflicts_with = "insecure")]
    authorities: Option<PathBuf>,
    /// Trust whatever server answers. For trials
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    credentials: Credentials,
}

/// A client with what error texts need to know of it.
pub(super) struct Opened {
    pub(super) client: XdmClient,
    has_password: bool,
}

impl Archive {
    /// A client; an error has been told.
    pub(super) fn open(
        self,
        terminal: &mut Terminal<'_>,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Opened, Exit> {
        self.opened(surroundings).map_err(|text| {
            terminal.remark(&format!("error: {text}"));
            Exit::Failure
        })
    }

    fn opened(self, surroundings: &mut Surroundings<'_>) -> Result<Opened, String> {
        let password = self.credentials.password(surroundings.password.take())?;
        let root = match self.root {
            Some(root) => root,
            None => {
                let usual = format!("https://{}:8443/xcap-root", self.identity.domain());
                usual.parse().map_err(|_| "name the XCAP root with --root".to_owned())?
            }
        };
        let trust = match (self.pin, self.authorities, self.insecure) {
            (Some(pin), ..) => Trust::Pin(pin),
            (None, Some(file), _) => Trust::of_file(&file).map_err(|error| error.to_string())?,
            (None, None, true) => Trust::Anybody,
            (None, None, false) => Trust::System,
        };
        let has_password = password.is_some();
        let options = XdmOptions {
            username: self.credentials.username,
            password,
            ..XdmOptions::new(self.identity, root, trust)
        };
        let client = XdmClient::new(options).map_err(|error| error.to_string())?;
        Ok(Opened { client, has_password })
    }
}

impl Opened {
    /// Tells what went wrong and what to do about it.
    pub(super) fn tell(&self, error: &XdmError, terminal: &mut Terminal<'_>) -> Exit {
        let (text, exit) = self.explain(error);
        terminal.remark(&format!("error: {}", harmless(&text)));
        exit
    }

    fn explain(&self, error: &XdmError) -> (String, Exit) {
        let who = self.client.identity();
        match error {
            XdmError::WrongPassword => (
                format!(
                    "401: the server refused the password of {who}; pass --password or set ROLLCALL_PASSWORD"
                ),
                Exit::Password,
            ),
            XdmError::Unanswerable if self.has_password => (
                format!(
                    "401: the server asks {who} for a proof that is not Digest with MD5, SHA-256 or SHA-512-256"
                ),
                Exit::Password,
            ),
            XdmError::Unanswerable => (
                format!(
                    "401: the server asks for the password of {who}; pass --password or set ROLLCALL_PASSWORD"
                ),
                Exit::Password,
            ),
            XdmError::Conflict(conflict) => (plain(conflict.as_ref()), Exit::Refused),
            XdmError::Changed => (
                "the document has changed since you read it; look at it again, then repeat what you did"
                    .to_owned(),
                Exit::Refused,
            ),
            XdmError::Refused { status, accepts } => {
                let exit = if *status >= 500 || *status == 429 { Exit::Unreachable } else { Exit::Refused };
                (format!("{error}; {}", advice(*status, accepts.as_deref(), who)), exit)
            }
            XdmError::Web(web) => (format!("{web}{}", hint(web)), Exit::Unreachable),
        }
    }
}

fn hint(error: &WebError) -> &'static str {
    match error {
        WebError::Connect { .. } => "; is a server running there? name its XCAP root with --root",
        WebError::Tls { .. } => {
            "; if its certificate is self-made, pass --pin with the fingerprint that its log says, or --insecure for a trial"
        }
        WebError::TimedOut(_) => "; try again later",
        WebError::Broken { .. } => "; does it speak HTTP there, or HTTPS?",
        WebError::TooLarge(_) => "",
    }
}

fn advice(status: u16, accepts: Option<&str>, who: &Identity) -> String {
    match (status, accepts) {
        (403, _) => format!("{who} may not do this: check who you are, and whose document it is"),
        (404, _) => "check the spelling of usage, user and name".to_owned(),
        (405, _) => "the server makes this document itself".to_owned(),
        (415, Some(accepts)) => format!("the server takes {accepts} there: choose it with --type"),
        (415, None) => "choose the right one with --type".to_owned(),
        (400, _) => {
            "check the brackets, quotes and prefixes of the selector; a prefix is told with --ns".to_owned()
        }
        (413, _) => "make it smaller".to_owned(),
        (429 | 503, _) => "try again later".to_owned(),
        (502 | 504, _) => "the document server behind the proxy fails; try again later".to_owned(),
        _ => "the server's log says why".to_owned(),
    }
}

/// Why a change does not fit, in words for whoever made it. RFC 4825 §11.
pub(super) fn plain(conflict: Option<&Conflict>) -> String {
    let Some(conflict) = conflict else {
        return "409: the change does not fit the document, and the server does not say why".to_owned();
    };
    let said = conflict.phrase().map(|phrase| format!(": {phrase}")).unwrap_or_default();
    let text = match conflict {
        Conflict::NotWellFormed(_) => format!("this is no well-formed XML{said}"),
        Conflict::NotXmlFragment(_) => format!("this is not exactly one XML element{said}"),
        Conflict::NoParent { ancestor: Some(ancestor), .. } => {
            format!("what you want to put it into does not exist; the nearest that does is {ancestor}")
        }
        Conflict::NoParent { ancestor: None, .. } => {
            "what you want to put it into does not exist; put the whole document first".to_owned()
        }
        Conflict::SchemaValidationError(_) => format!("the document would not be valid{said}"),
        Conflict::NotXmlAttValue(_) => {
            format!("this is no value of an attribute; write it between quotes{said}")
        }
        Conflict::CannotInsert(_) => {
            "the selector would not find what you put there; make its name and attributes say what the selector says"
                .to_owned()
        }
        Conflict::CannotDelete(_) => {
            "after the removal another one would take its place; select it by an attribute, not by position".to_owned()
        }
        Conflict::UniquenessFailure { exists, .. } => {
            let each = exists.iter().map(|one| match one.alternatives.as_slice() {
                [] => format!("{} is taken", one.field),
                free => format!("{} is taken; free is {}", one.field, free.join(" or ")),
            });
            format!("a value must be unique and is not: {}{said}", each.collect::<Vec<_>>().join("; "))
        }
        Conflict::ConstraintFailure(_) => format!("a rule of this kind of document is broken{said}"),
        Conflict::LocalConstraintFailure { alternatives, descriptions, .. } => {
            let within = alternatives.iter().map(|one| format!("; {} {} would do", one.field, one.value));
            let more = descriptions.iter().map(|one| format!("; {}", one.text));
            format!("the provider does not allow it{said}{}", within.chain(more).collect::<String>())
        }
        Conflict::NotUtf8(_) => "this is not UTF-8; save it as UTF-8".to_owned(),
    };
    format!("409: {text}")
}
