//! What OMA adds to vocabularies of others: the grammars of its extensions.

mod app_usage;
mod common_policy;
mod extensions;
mod poc_usage;
mod uri_usage;

pub(crate) use app_usage::VOCABULARY as APP_USAGE;
pub(crate) use common_policy::VOCABULARY as COMMON_POLICY;
pub(crate) use extensions::VOCABULARY as EXTENSIONS;
pub(crate) use poc_usage::VOCABULARY as POC_USAGE;
pub(crate) use uri_usage::VOCABULARY as URI_USAGE;
