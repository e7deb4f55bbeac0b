//! The drawing of the house as a table: which room may use which, read from each crate's `Cargo.toml`.

use super::Finding;

/// Where a room lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storey {
    /// Bytes to values.
    Format,
    /// Events to effects.
    Machine,
    /// Sockets, clocks, disks, tasks.
    Shell,
}

struct Room {
    name: &'static str,
    storey: Storey,
    /// The rooms it may use; the shell's neighbours included where the drawing lets them.
    below: &'static [&'static str],
}

const FORMATS: [&str; 4] = ["xml", "sip", "documents", "xcap"];
const UNDER_SIBLINGS: &[&str] = &["xml", "sip", "documents", "xcap", "sip-stack"];
const UNDER_SHELL: &[&str] = &[
    "xml",
    "sip",
    "documents",
    "xcap",
    "sip-stack",
    "presence",
    "rls",
    "xdm",
    "charging",
    "node",
    "store",
    "transport",
    "client",
    "server",
    "sim",
];

const ROOMS: &[Room] = &[
    Room { name: "xml", storey: Storey::Format, below: &[] },
    Room { name: "sip", storey: Storey::Format, below: &[] },
    Room { name: "documents", storey: Storey::Format, below: &["xml"] },
    Room { name: "xcap", storey: Storey::Format, below: &["xml"] },
    Room { name: "sip-stack", storey: Storey::Machine, below: &["sip"] },
    Room { name: "presence", storey: Storey::Machine, below: UNDER_SIBLINGS },
    Room { name: "rls", storey: Storey::Machine, below: UNDER_SIBLINGS },
    Room { name: "xdm", storey: Storey::Machine, below: UNDER_SIBLINGS },
    Room { name: "charging", storey: Storey::Machine, below: UNDER_SIBLINGS },
    Room {
        name: "node",
        storey: Storey::Machine,
        below: &["xml", "sip", "documents", "xcap", "sip-stack", "presence", "rls", "xdm", "charging"],
    },
    Room { name: "store", storey: Storey::Shell, below: UNDER_SHELL },
    // It carries bytes over flows; a decision of a role has no business there.
    Room { name: "transport", storey: Storey::Shell, below: &["sip", "sip-stack"] },
    Room { name: "client", storey: Storey::Shell, below: UNDER_SHELL },
    Room { name: "server", storey: Storey::Shell, below: UNDER_SHELL },
    Room { name: "sim", storey: Storey::Shell, below: UNDER_SHELL },
    Room { name: "xtask", storey: Storey::Shell, below: UNDER_SHELL },
];

/// What a package of ours is called; the name that the drawing uses follows it.
const PREFIX: &str = "rollcall-";

/// Libraries that bring a clock, a socket, a disk or a task.
const WORLDLY: &[&str] = &[
    "tokio",
    "tokio-util",
    "tokio-rustls",
    "async-std",
    "smol",
    "mio",
    "polling",
    "socket2",
    "nix",
    "rustix",
    "libc",
    "futures",
    "futures-util",
    "hyper",
    "axum",
    "reqwest",
    "rustls",
    "hickory-resolver",
    "redb",
    "tempfile",
    "crossbeam-channel",
    "rayon",
    "chrono",
    "getrandom",
];
/// Libraries that formats and `sip-stack` do without besides: they are for outsiders too.
const HOUSEHOLD: &[&str] =
    &["tracing", "tracing-subscriber", "log", "metrics", "toml", "clap", "miette", "anyhow"];

/// The storey of the room that this path lies in; none outside the rooms.
pub(crate) fn storey(path: &str) -> Option<Storey> {
    room_of(path).map(|room| room.storey)
}

fn room_of(path: &str) -> Option<&'static Room> {
    let name = match path.strip_prefix("crates/") {
        Some(rest) => rest.split('/').next()?,
        None => path.split('/').next().filter(|first| *first == "xtask")?,
    };
    ROOMS.iter().find(|room| room.name == name)
}

/// Checks one `Cargo.toml`: every dependency of ours lies below, and the machines and formats stay out of the world.
pub(crate) fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    if !path.starts_with("crates/") && !path.starts_with("xtask/") {
        return; // the workspace's own, and the fuzz crate's
    }
    let Some(room) = room_of(path) else {
        findings.push(Finding::error(
            path,
            0,
            "a room that the drawing does not have: draw it first, in `xtask/src/tidy/drawing.rs`",
        ));
        return;
    };
    for dependency in dependencies(text) {
        let Dependency { line, package, for_tests } = &dependency;
        let word = package.strip_prefix(PREFIX).unwrap_or(package);
        if ROOMS.iter().any(|other| other.name == word) && !room.below.contains(&word) {
            let what = format!("`{}` may not use `{word}`: it is not drawn below it", room.name);
            findings.push(Finding::error(path, *line, what));
        }
        if *for_tests {
            continue;
        }
        if room.storey != Storey::Shell && WORLDLY.contains(&package.as_str()) {
            let what = format!("`{}` is a format or a machine and may not use `{package}`", room.name);
            findings.push(Finding::error(path, *line, what));
        }
        let for_outsiders = FORMATS.contains(&room.name) || room.name == "sip-stack";
        if for_outsiders && HOUSEHOLD.contains(&package.as_str()) {
            let what = format!("`{}` is for outsiders too and may not use `{package}`", room.name);
            findings.push(Finding::error(path, *line, what));
        }
    }
}

struct Dependency {
    line: usize,
    package: String,
    for_tests: bool,
}

/// Reads the dependency tables: `name = ..`, `name.workspace = ..`, `[dependencies.name]`, and a renamed `package`.
fn dependencies(text: &str) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    let mut table = None; // whether we stand in a table of dependencies, and whether it is for tests only
    let mut inside_one = false; // in `[dependencies.name]`
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let parts: Vec<&str> = header.split('.').collect();
            let at = parts.iter().position(|part| part.ends_with("dependencies"));
            table = at.filter(|_| parts[0] != "workspace").map(|at| parts[at] != "dependencies");
            inside_one = false;
            if let (Some(for_tests), Some(at)) = (table, at)
                && let Some(name) = parts.get(at + 1)
            {
                inside_one = true;
                found.push(Dependency { line: index + 1, package: unquoted(name), for_tests });
            }
            continue;
        }
        let Some(for_tests) = table else { continue };
        let Some((key, value)) = line.split_once('=') else { continue };
        let renamed = if inside_one && key.trim() == "package" { Some(value) } else { inline_package(value) };
        if !inside_one {
            let name = key.trim().split('.').next().unwrap_or_default();
            found.push(Dependency { line: index + 1, package: unquoted(name), for_tests });
        }
        if let (Some(name), Some(last)) = (renamed, found.last_mut()) {
            last.package = unquoted(name);
        }
    }
    found
}

fn inline_package(value: &str) -> Option<&str> {
    let (_, after) = value.split_once("package")?;
    after.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?.split('"').next()
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(path, text, &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_room_may_use_what_lies_below() {
        let text = "[dependencies]\nsip.workspace = true\ndocuments = { workspace = true }\n";
        assert_eq!(findings("crates/presence/Cargo.toml", text), [""; 0]);
    }

    #[test]
    fn a_format_may_not_reach_up() {
        let found = findings("crates/sip/Cargo.toml", "[dependencies]\nsip-stack.workspace = true\n");
        assert_eq!(
            found,
            ["crates/sip/Cargo.toml:2: error: `sip` may not use `sip-stack`: it is not drawn below it"]
        );
    }

    #[test]
    fn siblings_may_not_meet_not_even_in_tests() {
        let found = findings("crates/presence/Cargo.toml", "[dev-dependencies]\nrls.workspace = true\n");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_renamed_package_does_not_hide_a_room() {
        let inline = "[dependencies]\nfriend = { package = \"rollcall-node\", path = \"../node\" }\n";
        assert_eq!(findings("crates/presence/Cargo.toml", inline).len(), 1);
        let table = "[dependencies.friend]\npackage = \"rollcall-node\"\npath = \"../node\"\n";
        assert_eq!(findings("crates/presence/Cargo.toml", table).len(), 1);
    }

    #[test]
    fn a_table_for_one_target_counts_too() {
        let text = "[target.'cfg(unix)'.dependencies]\nstore.workspace = true\n";
        assert_eq!(findings("crates/node/Cargo.toml", text).len(), 1);
    }

    #[test]
    fn machines_stay_out_of_the_world_but_their_tests_need_not() {
        assert_eq!(findings("crates/node/Cargo.toml", "[dependencies]\ntokio.workspace = true\n").len(), 1);
        assert_eq!(findings("crates/node/Cargo.toml", "[dev-dependencies]\ntempfile = \"3\"\n").len(), 0);
        assert_eq!(findings("crates/server/Cargo.toml", "[dependencies]\ntokio.workspace = true\n").len(), 0);
    }

    #[test]
    fn what_is_for_outsiders_does_not_log() {
        assert_eq!(findings("crates/sip-stack/Cargo.toml", "[dependencies]\ntracing = \"0.1\"\n").len(), 1);
        assert_eq!(findings("crates/node/Cargo.toml", "[dependencies]\ntracing = \"0.1\"\n").len(), 0);
    }

    #[test]
    fn transport_does_not_know_the_node() {
        assert_eq!(
            findings("crates/transport/Cargo.toml", "[dependencies]\nnode.workspace = true\n").len(),
            1
        );
    }

    #[test]
    fn a_room_that_is_not_drawn_is_refused() {
        assert_eq!(findings("crates/common/Cargo.toml", "").len(), 1);
    }

    #[test]
    fn features_and_lints_are_no_dependencies() {
        let text = "[package]\nname = \"rollcall-sip\"\n[features]\nserver = []\n[lints]\nworkspace = true\n";
        assert_eq!(findings("crates/sip/Cargo.toml", text), [""; 0]);
    }
}
