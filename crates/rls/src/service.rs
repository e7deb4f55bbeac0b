//! Which list a Request-URI means, and who may subscribe to it. RFC 4826 §4.5, OMA SERVICE-URI-TEMPLATE.

use documents::rls_services::{Service, Services};
use sip::{Aor, Uri, canonical, canonical_text};

use crate::refusal::Refusal;

/// Who may subscribe to a user's stored list, or look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Whose document defines it.
    Owner,
    /// Users of the owner's domain.
    OwnDomain,
    /// Everyone whose identity is known.
    Everyone,
}

impl Policy {
    /// Whether it lets somebody with these names.
    pub fn allows(self, owner: &Aor, identities: &[Aor]) -> bool {
        match self {
            Self::Everyone => true,
            Self::OwnDomain => {
                let is_ours =
                    |identity: &Aor| identity.domain().is_some() && identity.domain() == owner.domain();
                identities.contains(owner) || identities.iter().any(is_ours)
            }
            Self::Owner => identities.contains(owner),
        }
    }
}

/// The shape of list URIs that say whose list it is: `<xui>;parameter=<name>`, OMA SERVICE-URI-TEMPLATE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parameter: String,
}

impl Template {
    /// Reads a template, such as `<xui>;pres-list=<id>`. Other shapes do not say whose list it is: none.
    pub fn parse(text: &str) -> Option<Self> {
        let parameter = text.trim().strip_prefix("<xui>;")?.strip_suffix("=<id>")?;
        let is_token = !parameter.is_empty()
            && parameter.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_token.then(|| Self { parameter: parameter.to_ascii_lowercase() })
    }

    /// Whose list the URI means; none if it is not of this shape.
    pub fn owner(&self, uri: &Uri<'_>) -> Option<Aor> {
        let params = match uri {
            Uri::Sip(sip) => sip.params,
            Uri::Tel(tel) => tel.params,
            Uri::Pres(_) | Uri::Im(_) | Uri::Other { .. } => return None,
        };
        params.find(&self.parameter).flatten()?;
        Aor::of(uri)
    }
}

/// The service of a document whose URI is that one, by canonical form.
pub fn find<'a>(services: &'a Services, uri: &Uri<'_>) -> Option<&'a Service> {
    let wanted = canonical(uri)?;
    services.services.iter().find(|service| canonical_text(&service.uri).is_some_and(|uri| uri == wanted))
}

/// Whether a watcher may subscribe to a service of `owner` with this package: 403 or 489 if not.
pub fn check(
    service: &Service,
    owner: &Aor,
    identities: &[Aor],
    package: &str,
    policy: Policy,
) -> Result<(), Refusal> {
    if !service.serves(package) {
        return Err(Refusal::Package);
    }
    if policy.allows(owner, identities) { Ok(()) } else { Err(Refusal::Forbidden) }
}

#[cfg(test)]
mod tests {
    use documents::resource_lists::List;
    use documents::rls_services::Source;

    use super::*;

    fn uri(text: &str) -> Uri<'_> {
        Uri::parse(text).expect("a URI")
    }

    fn service(uri: &str, packages: Option<&[&str]>) -> Service {
        let packages = packages.map(|packages| packages.iter().map(|package| (*package).into()).collect());
        Service { uri: uri.into(), source: Source::List(List::default()), packages }
    }

    #[test]
    fn a_list_is_found_by_its_uri_and_a_user_is_no_list() {
        let services = Services {
            services: vec![
                service("sip:a@example.com;pres-list=friends", None),
                service("sip:Club@Example.com", None),
            ],
        };
        let found = |text| find(&services, &uri(text)).map(|service| &*service.uri);
        assert_eq!(found("sip:a@EXAMPLE.com;PRES-LIST=friends"), Some("sip:a@example.com;pres-list=friends"));
        assert_eq!(found("sips:Club@example.com"), Some("sip:Club@Example.com"));
        for text in
            ["sip:a@example.com", "sip:a@example.com;pres-list=enemies", "sip:club@example.com", "mailto:a@b"]
        {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn a_template_says_whose_list_it_is() {
        let template = Template::parse("<xui>;pres-list=<id>").expect("a template");
        let owner = |text| template.owner(&uri(text)).map(|owner| owner.to_string());
        assert_eq!(owner("sip:a@Example.com;Pres-List=rcs;x=y").as_deref(), Some("sip:a@example.com"));
        assert_eq!(owner("tel:+15550100;pres-list=rcs").as_deref(), Some("tel:+15550100"));
        for text in ["sip:a@example.com", "sip:a@example.com;pres-list", "sip:example.com;pres-list=x"] {
            assert_eq!(owner(text), None, "{text}");
        }
        for text in ["", "sip:<id>@lists.example.com", "<xui>;=<id>", "<xui>;a b=<id>", "<xui>"] {
            assert_eq!(Template::parse(text), None, "{text}");
        }
    }

    #[test]
    fn packages_and_policy_are_kept() {
        let [owner, colleague, stranger] = ["sip:a@example.com", "sip:b@example.com", "sip:c@example.org"]
            .map(|aor| [Aor::parse(aor).expect("an AOR")]);
        let only = service("sip:l@example.com", Some(&["presence"]));
        let check = |who: &[Aor; 1], package, policy| check(&only, &owner[0], who, package, policy);
        assert_eq!(check(&owner, "presence", Policy::Owner), Ok(()));
        assert_eq!(check(&colleague, "presence", Policy::Owner), Err(Refusal::Forbidden));
        assert_eq!(check(&colleague, "presence", Policy::OwnDomain), Ok(()));
        assert_eq!(check(&stranger, "presence", Policy::OwnDomain), Err(Refusal::Forbidden));
        assert_eq!(check(&stranger, "presence", Policy::Everyone), Ok(()));
        assert_eq!(check(&owner, "dialog", Policy::Owner), Err(Refusal::Package));
    }
}
