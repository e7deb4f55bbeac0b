//! The commented example file, made from the documentation of the keys.

use super::Config;

const OPENING: &str = "\
# Rollcall configuration, with every key at its default. Made by `rollcall config`.
# Lengths of time have a unit (\"50ms\", \"30s\", \"5m\", \"2h\", \"7d\"), amounts of octets may (\"64KiB\").
# A key marked [reload] is taken on SIGHUP, the others at the next start. `rollcall check` reads the file and says what
# the server would do.
";

/// The whole example: every table and key, documented, at the values of `config`.
pub fn example(config: &Config) -> String {
    let mut out = String::from(OPENING);
    for table in config.tables() {
        if !table.name().is_empty() {
            out.push('\n');
            for line in table.about() {
                out.push_str(&format!("# {line}\n"));
            }
            out.push_str(&format!("[{}]\n", table.name()));
        }
        for key in table.keys() {
            out.push('\n');
            let last = key.about.len() - 1;
            for (index, line) in key.about.iter().enumerate() {
                let mark = if index == last && key.reloadable { " [reload]" } else { "" };
                out.push_str(&format!("# {line}{mark}\n"));
            }
            out.push_str(&format!("{} = {}\n", key.name, key.value));
        }
    }
    out
}
