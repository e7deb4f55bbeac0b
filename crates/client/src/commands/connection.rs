//! The part of the command line that says who we are and where the server is.

use super::credentials::Credentials;
use super::terminal::Terminal;
use super::{Exit, Surroundings};
use crate::{Client, ConnectError, Identity, Options, Protocol};
use core::net::IpAddr;
use core::time::Duration;

/// How to reach the server.
#[derive(Clone, clap::Args)]
pub(super) struct Connection {
    /// Server, as host, host:port or address; else the DNS records of the domain say where it is
    #[arg(long, value_name = "HOST[:PORT]")]
    server: Option<String>,
    /// Speak TCP rather than UDP
    #[arg(long)]
    tcp: bool,
    /// Our own address, where the machine has several
    #[arg(long, value_name = "ADDRESS")]
    local: Option<IpAddr>,
    #[command(flatten)]
    credentials: Credentials,
}

impl core::fmt::Debug for Connection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Not the password.
        f.debug_struct("Connection")
            .field("server", &self.server)
            .field("tcp", &self.tcp)
            .finish_non_exhaustive()
    }
}

/// A client with what error texts need to know of it.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) has_password: bool,
    /// The server in words.
    pub(super) server: String,
}

/// A wait of this length deserves a word.
pub(super) const LONG: Duration = Duration::from_secs(3);

impl Connection {
    /// Connects; an error has been told.
    pub(super) async fn open(
        self,
        identity: Identity,
        expires: Option<Duration>,
        terminal: &mut Terminal<'_>,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Connected, Exit> {
        let password = match self.credentials.password(surroundings.password.take()) {
            Ok(password) => password,
            Err(text) => {
                terminal.remark(&format!("error: {text}"));
                return Err(Exit::Failure);
            }
        };
        let mut options = Options::new(identity);
        options.protocol = if self.tcp { Protocol::Tcp } else { Protocol::Udp };
        let place =
            self.server.clone().unwrap_or_else(|| format!("the server of {}", options.identity.domain()));
        let server = format!("{place} over {}", options.protocol.via());
        (options.server, options.local) = (self.server, self.local);
        options.username = self.credentials.username;
        let has_password = password.is_some();
        options.password = password;
        if let Some(expires) = expires {
            (options.publication, options.subscription) = (expires, expires);
        }
        let client = tokio::select! {
            client = Client::connect(options) => client,
            () = surroundings.interrupt.as_mut() => return Err(Exit::Done),
        };
        match client {
            Ok(client) => Ok(Connected { client, has_password, server }),
            Err(error) => {
                let hint = match error {
                    ConnectError::Locate { .. } | ConnectError::NameServers(_) => {
                        "; choose a server with --server host:port"
                    }
                    ConnectError::Connect { .. } => {
                        "; is a server running there? choose one with --server host:port"
                    }
                    ConnectError::Bind { .. } => "; choose our address with --local",
                    ConnectError::Server(_) | ConnectError::Randomness => "",
                };
                terminal.remark(&format!("error: {error}{hint}"));
                Err(Exit::Unreachable)
            }
        }
    }
}
