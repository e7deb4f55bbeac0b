//! Flows: call flows as text files with a cast, played on a whole node in virtual time. The form of the files is
//! described in `flows/README.md`.

mod answer;
mod compare;
mod labels;
mod peer;
mod play;
mod script;
mod shorthand;
mod stage;

pub use play::Deed;
use script::Script;
pub(crate) use shorthand::instant;

/// Plays a flow: `Err` holds what the node said otherwise than expected, for people to read.
pub fn run(text: &str) -> Result<(), String> {
    let script = Script::parse(text)?;
    let played = play::play(&script);
    match compare::differences(&script, &played) {
        None => Ok(()),
        Some(report) => Err(report),
    }
}

/// Plays a flow and gives it back with what the node said in place of what was expected.
pub fn rewrite(text: &str) -> Result<String, String> {
    let script = Script::parse(text)?;
    let played = play::play(&script);
    if let Some((index, fault)) = &played.fault {
        return Err(format!("at line {}: {fault}", script.lines.get(*index).map_or(0, |line| line.number)));
    }
    Ok(compare::rewrite(&script, &played))
}

/// What a flow does to the node that it is played on, in order: for playing it to another.
pub fn deeds(text: &str) -> Result<Vec<Deed>, String> {
    Ok(play::play(&Script::parse(text)?).deeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = "\
# Bob fetches.
+0s    bob   > SUBSCRIBE alice  Event: presence  Expires: 0
             < 200  Expires: 0
             < NOTIFY  pidf: (empty)
";

    #[test]
    fn a_flow_that_holds_passes_and_is_not_rewritten() {
        assert_eq!(run(FLOW), Ok(()));
        assert_eq!(rewrite(FLOW).as_deref(), Ok(FLOW));
    }

    #[test]
    fn another_status_value_or_body_fails_and_is_rewritten() {
        for (wrong, right) in [("< 200", "< 404"), ("Expires: 0\n", "Expires: 5\n"), ("(empty)", "t1 open")] {
            let flow = FLOW.replacen(wrong, right, if wrong.starts_with("Expires") { 2 } else { 1 });
            let flow =
                flow.replace("alice  Event: presence  Expires: 5", "alice  Event: presence  Expires: 0");
            assert!(run(&flow).is_err(), "{flow}");
            assert_eq!(run(&rewrite(&flow).unwrap()), Ok(()), "{flow}");
        }
    }

    #[test]
    fn what_was_not_expected_fails() {
        let report = run(&FLOW.replace("             < NOTIFY  pidf: (empty)\n", "")).unwrap_err();
        assert!(report.contains("+ +0s    bob   < NOTIFY"), "{report}");
    }

    #[test]
    fn what_never_comes_fails_when_time_has_passed_too() {
        let report = run(&format!("{FLOW}+10s   bob   < NOTIFY\n")).unwrap_err();
        assert!(report.contains("- +10s   bob   < NOTIFY"), "{report}");
    }

    #[test]
    fn a_field_that_must_be_absent_fails_where_it_is() {
        assert!(run(&FLOW.replace("< 200  Expires: 0", "< 200  -Expires")).is_err());
    }
}
