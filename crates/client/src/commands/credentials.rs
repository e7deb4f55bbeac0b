//! The part of the command line that says what proves us.

use std::path::PathBuf;

/// A password, from wherever it is told.
#[derive(Clone, clap::Args)]
pub(super) struct Credentials {
    /// Password; seen by others on this machine: better set ROLLCALL_PASSWORD or use --password-file
    #[arg(long, conflicts_with = "password_file")]
    pub(super) password: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// Name that goes with the password, where it is not the part of the address before the @
    #[arg(long, value_name = "NAME")]
    pub(super) username: Option<String>,
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive() // not the password
    }
}

impl Credentials {
    /// The password, of the environment if the command line has none.
    pub(super) fn password(&self, environment: Option<String>) -> Result<Option<String>, String> {
        let Some(file) = &self.password_file else { return Ok(self.password.clone().or(environment)) };
        let text = std::fs::read_to_string(file);
        let text =
            text.map_err(|error| format!("the password file {} cannot be read: {error}", file.display()))?;
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Some(line.to_owned())),
            Some(_) | None => {
                Err(format!("the first line of {} is empty: it should be the password", file.display()))
            }
        }
    }
}
