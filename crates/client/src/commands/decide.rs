//! `rollcall approve`, `block` and `polite-block`.

use documents::rules::SubHandling;
use sip::Aor;

use super::archive::{Archive, Opened};
use super::terminal::{Terminal, harmless};
use super::{Exit, Surroundings, exit};
use crate::xdm::DecideError;

/// Decide about a watcher, in your rules.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = exit::CODES)]
pub struct Arguments {
    /// Who watches, or wants to: user@domain, or a tel URI
    #[arg(value_parser = watcher)]
    watcher: Aor,
    #[command(flatten)]
    archive: Archive,
}

fn watcher(text: &str) -> Result<Aor, String> {
    let parsed = Aor::parse(text).or_else(|_| Aor::parse(&format!("sip:{text}")));
    parsed.map_err(|_| "names no user: write user@domain".to_owned())
}

pub(super) async fn run(
    Arguments { watcher, archive }: Arguments,
    decision: SubHandling,
    terminal: &mut Terminal<'_>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    match archive.open(terminal, &mut surroundings) {
        Ok(opened) => decide(&opened, &watcher, decision, terminal).await,
        Err(exit) => exit,
    }
}

async fn decide(opened: &Opened, watcher: &Aor, decision: SubHandling, terminal: &mut Terminal<'_>) -> Exit {
    let decided = match opened.client.decide(watcher, Some(decision)).await {
        Ok(decided) => decided,
        Err(DecideError::Xdm(error)) => return opened.tell(&error, terminal),
        Err(error) => {
            let hint = match error {
                DecideError::Anonymous => "write a rule for all of them with rollcall xcap edit",
                _ => "mend it with rollcall xcap edit",
            };
            terminal.remark(&format!("error: {}; {hint}", harmless(&error.to_string())));
            return Exit::Refused;
        }
    };
    let short = watcher.as_str().strip_prefix("sip:").unwrap_or(watcher.as_str());
    let what = match decision {
        SubHandling::Allow => "approved",
        SubHandling::Block | SubHandling::Confirm => "blocked",
        SubHandling::PoliteBlock => "blocked politely",
    };
    terminal.remark(&format!("{short} is {}{what}", if decided.changed { "" } else { "already " }));
    if decided.is_first {
        terminal.remark("these are your first rules: you see yourself, and everybody else has to wait for you to decide; rollcall watchers shows who waits");
    }
    if decided.overruled_by.is_empty() {
        return Exit::Done;
    }
    let rules = decided.overruled_by.join(" and ");
    terminal.remark(&format!(
        "error: that has no effect: {} grants more, and rules add up; change it with rollcall xcap edit",
        harmless(&rules)
    ));
    Exit::Refused
}
