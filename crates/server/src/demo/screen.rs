//! The roster on a terminal: a picture made from values, drawn by ratatui.

use core::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Cell, Padding, Paragraph, Row, Sparkline, Table};

use super::roster::{Availability, Person, Roster, human};

/// What stands beside the roster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Time since the start.
    pub up: Duration,
    /// When alice let carol watch.
    pub approved_at: Option<Duration>,
    /// Name and value of each counter shown.
    pub counters: Vec<(&'static str, String)>,
    /// How to join in, a line each; a line that starts with `$ ` is a command.
    pub join: Vec<String>,
}

/// What is said of the robot to bob, where others see a note.
pub const NO_MORE: &str = "to bob: the robot shows him no notes and no doings";

/// Draws one picture: `less` is what bob sees of the robot.
pub fn draw(frame: &mut Frame<'_>, roster: &Roster, less: &Roster, side: &Side) {
    let people = u16::try_from(roster.people.len()).unwrap_or(u16::MAX).saturating_add(4);
    let [head, list, rules, middle, join] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(people),
        Constraint::Length(4),
        Constraint::Length(8),
        Constraint::Min(0),
    ])
    .areas(frame.area());
    draw_head(frame, head, side);
    draw_roster(frame, list, roster, side.up);
    draw_rules(frame, rules, less, side);
    let [latency, counters] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(36)]).areas(middle);
    draw_latency(frame, latency, roster);
    draw_counters(frame, counters, side);
    draw_join(frame, join, side);
}

fn boxed(title: &str) -> Block<'_> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(Style::new().fg(Color::DarkGray))
        .title(Span::from(format!(" {title} ")).bold())
        .padding(Padding::horizontal(1))
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, side: &Side) {
    let up = side.up.as_secs();
    let left = Line::from(vec![
        Span::from(" ● ").fg(Color::Green),
        Span::from("Rollcall").bold(),
        Span::from("  PUBLISH in, NOTIFY out").fg(Color::DarkGray),
    ]);
    let right = format!("up {}:{:02}   q quits ", up / 60, up % 60);
    frame.render_widget(Paragraph::new(left), area);
    frame.render_widget(Paragraph::new(right).right_aligned().fg(Color::DarkGray), area);
}

fn color(availability: Availability) -> Color {
    match availability {
        Availability::Offline => Color::DarkGray,
        Availability::Hidden => Color::Magenta,
        Availability::Open => Color::Green,
        Availability::Away => Color::Yellow,
        Availability::Busy => Color::Red,
    }
}

fn draw_roster(frame: &mut Frame<'_>, area: Rect, roster: &Roster, up: Duration) {
    let head = Row::new(["", "who", "is", "note", "changed", "took"]).style(Style::new().fg(Color::DarkGray));
    let widths = [
        Constraint::Length(1),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Length(9),
    ];
    let rows = roster.people.iter().map(|person| row(person, up));
    let block = boxed("roster, as carol sees it");
    frame.render_widget(Table::new(rows, widths).header(head).column_spacing(2).block(block), area);
}

/// What rules do: who sees less, and who had to wait.
fn draw_rules(frame: &mut Frame<'_>, area: Rect, less: &Roster, side: &Side) {
    let mut lines = Vec::new();
    if let Some(robot) = less.people.first() {
        let (color, word) = (color(robot.availability), robot.availability.word());
        lines.push(Line::from(vec![
            Span::from("● robot ").fg(color),
            Span::from(word).fg(color),
            Span::from(format!(" {NO_MORE}")).fg(Color::DarkGray),
        ]));
    }
    lines.push(match side.approved_at {
        None => Line::from("alice has not decided yet whether carol may watch").fg(Color::Magenta),
        Some(at) => {
            let fresh = side.up.saturating_sub(at) < Duration::from_secs(3);
            let style =
                if fresh { Style::new().fg(Color::Green).bold() } else { Style::new().fg(Color::DarkGray) };
            Line::from(format!(
                "alice approved carol after {} s, and carol's roster followed by itself",
                at.as_secs()
            ))
            .style(style)
        }
    });
    frame.render_widget(Paragraph::new(lines).block(boxed("rules decide")), area);
}

fn row(person: &Person, up: Duration) -> Row<'_> {
    let color = color(person.availability);
    let ago = person.changed_at.map(|at| up.saturating_sub(at));
    // News glows for a moment, so that the eye finds it.
    let fresh = ago.is_some_and(|ago| ago < Duration::from_millis(400));
    let name =
        Style::new().add_modifier(if fresh { Modifier::BOLD | Modifier::REVERSED } else { Modifier::BOLD });
    let note = match (person.changed_at, person.note.as_str()) {
        (None, _) => Span::from("waiting for the first NOTIFY").fg(Color::DarkGray).italic(),
        (Some(_), "") => Span::from(person.played_by.as_str()).fg(Color::DarkGray).italic(),
        (Some(_), note) => Span::from(note),
    };
    Row::new([
        Cell::from(
            Span::from(if person.availability == Availability::Offline { "○" } else { "●" }).fg(color),
        ),
        Cell::from(Span::from(person.name.as_str()).style(name)),
        Cell::from(Span::from(person.availability.word()).fg(color)),
        Cell::from(note),
        Cell::from(Span::from(ago.map(since).unwrap_or_default()).fg(Color::DarkGray)),
        Cell::from(Span::from(person.latency.map(human).unwrap_or_default()).fg(Color::Cyan)),
    ])
}

fn since(ago: Duration) -> String {
    match ago.as_secs() {
        0 => "now".to_owned(),
        secs @ 1..60 => format!("{secs} s ago"),
        secs => format!("{} min ago", secs / 60),
    }
}

fn draw_latency(frame: &mut Frame<'_>, area: Rect, roster: &Roster) {
    let block = boxed("PUBLISH to NOTIFY");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [words, bars] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(inner);
    let shown = |percent| roster.percentile(percent).map_or_else(|| "-".to_owned(), human);
    let line = Line::from(vec![
        Span::from("half ").fg(Color::DarkGray),
        Span::from(shown(50)).fg(Color::Cyan).bold(),
        Span::from("   99 % ").fg(Color::DarkGray),
        Span::from(shown(99)).fg(Color::Cyan).bold(),
        Span::from("   worst ").fg(Color::DarkGray),
        Span::from(shown(100)).fg(Color::Cyan),
    ]);
    frame.render_widget(line, words);
    let recent = roster.recent(usize::from(bars.width));
    frame.render_widget(Sparkline::default().data(recent).style(Style::new().fg(Color::Cyan)), bars);
}

fn draw_counters(frame: &mut Frame<'_>, area: Rect, side: &Side) {
    let rows = side.counters.iter().map(|(name, value)| {
        let value = Line::from(value.as_str()).right_aligned();
        Row::new([Cell::from(Span::from(*name).fg(Color::DarkGray)), Cell::from(value)])
    });
    let widths = [Constraint::Fill(1), Constraint::Length(10)];
    frame.render_widget(Table::new(rows, widths).block(boxed("server")), area);
}

/// Without a frame at the sides, and with long commands continued as a shell continues them: for copying.
fn draw_join(frame: &mut Frame<'_>, area: Rect, side: &Side) {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(Style::new().fg(Color::DarkGray))
        .title(Span::from(" join in ").bold());
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let mut lines = Vec::new();
    for line in &side.join {
        match line.strip_prefix("$ ") {
            Some(command) => {
                let parts = continued(command, usize::from(inner.width));
                lines.extend(parts.into_iter().map(|part| Line::from(part).fg(Color::Yellow)));
            }
            None => lines.push(Line::from(line.as_str())),
        }
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// A command in lines of at most `width`, broken at spaces, each but the last with a backslash at its end. A word that
/// is longer stays whole.
fn continued(command: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in command.split(' ') {
        let line = lines.last_mut().expect("there is one from the start");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() + 2 <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            line.push_str(" \\");
            lines.push(format!("  {word}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::roster::News;
    use super::*;

    fn picture(width: u16, height: u16) -> String {
        let mut roster = Roster::new(&[("robot", "the demo"), ("carol", "you")]);
        roster.take(&News {
            person: 0,
            availability: Availability::Busy,
            note: "change 7: brewing tea".to_owned(),
            latency: Some(Duration::from_micros(730)),
            at: Duration::from_secs(60),
        });
        let mut less = Roster::new(&[("robot", "")]);
        less.take(&News {
            person: 0,
            availability: Availability::Open,
            note: String::new(),
            latency: None,
            at: Duration::from_secs(1),
        });
        let side = Side {
            up: Duration::from_secs(62),
            approved_at: Some(Duration::from_secs(4)),
            counters: vec![("PUBLISHes", "42".to_owned())],
            join: vec!["From a second terminal:".to_owned(), "$ rollcall watch robot@localhost".to_owned()],
        };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &roster, &less, &side)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_shows_who_is_how() {
        let shown = picture(100, 28);
        for part in [
            "● Rollcall",
            "up 1:02",
            "●  robot",
            "busy",
            "change 7: brewing tea",
            "2 s ago",
            "0.73 ms",
            "○  carol",
            "waiting for the first NOTIFY",
            "● robot open to bob: the robot shows him no notes",
            "alice approved carol after 4 s",
            "PUBLISHes",
            "42",
            "rollcall watch robot@localhost",
        ] {
            assert!(shown.contains(part), "{part} is missing in\n{shown}");
        }
    }

    #[test]
    fn a_long_command_stays_one_for_the_shell() {
        let command = "rollcall watch robot@localhost --as carol@localhost --password secret";
        let lines = continued(command, 40);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= 40), "{lines:?}");
        assert_eq!(lines.join("\n").replace(" \\\n ", ""), command);
        assert_eq!(continued(command, 100), [command]);
    }

    #[test]
    fn a_tiny_terminal_is_survived() {
        for (width, height) in [(1, 1), (20, 5), (40, 10)] {
            picture(width, height);
        }
    }
}
