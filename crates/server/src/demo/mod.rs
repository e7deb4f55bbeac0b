//! `rollcall demo`: a node, three people, a robot, and a live roster, out of nothing.

pub mod cast;
pub mod roster;
pub mod screen;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use cast::{Cast, DOMAIN, Happening, ROLES};
use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use roster::{News, Roster, line};
use screen::{NO_MORE, Side, draw};
use sip_stack::Protocol;
use tokio::runtime::Runtime;

use crate::clock::Clock;
use crate::config::keys::{LogFormat, LogLevel};
use crate::config::values::{AdminListen, Listen, Secret, WebListen};
use crate::config::{Config, Roles};
use crate::keeper;
use crate::log;
use crate::pump::bind::settle;
use crate::server::Server;
use crate::xdms::entrance::Entrance;

/// The arguments of `rollcall demo`.
#[derive(Clone, Debug, Default, Args)]
pub struct DemoArguments {
    /// One line per change instead of the live roster; so it is too when standard output is no terminal.
    #[arg(long)]
    plain: bool,
    /// End after so many seconds.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Keep state and log in this directory; else in a temporary one that is removed at the end.
    #[arg(long, value_name = "DIRECTORY")]
    data: Option<PathBuf>,
}

/// The server of the demo, and what people need to join in.
struct Stage {
    server: Server,
    passwords: Vec<String>,
    address: SocketAddr,
    _folder: Option<tempfile::TempDir>,
}

impl Stage {
    /// The XCAP root over HTTPS, or over plain HTTP.
    fn root(&self, secure: bool) -> Option<String> {
        let addresses = self.server.entrance()?.addresses();
        let address = addresses.iter().find(|one| one.secure == secure)?.address;
        let scheme = if secure { "https" } else { "http" };
        Some(format!("{scheme}://{address}{}", self.server.config().xdm.root))
    }
}

/// Runs the demo until its time is over, `q` or Ctrl-C.
pub fn demo(arguments: &DemoArguments, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    let stage = match set_up(arguments) {
        Ok(stage) => stage,
        Err(why) => {
            writeln!(err, "the demo cannot start: {why}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let runtime = Runtime::new()?;
    let (sender, happenings) = channel();
    let address = stage.address.to_string();
    let clock = stage.server.clock();
    let root = stage.root(false).unwrap_or_default();
    let cast = match runtime.block_on(Cast::start(&address, &root, &stage.passwords, clock, &sender)) {
        Ok(cast) => cast,
        Err(error) => {
            writeln!(err, "the players cannot reach the server: {error}")?;
            let _ = stage.server.stop();
            return Ok(ExitCode::FAILURE);
        }
    };
    runtime.spawn(stop_on_signal(sender));
    for line in join(&stage) {
        writeln!(out, "{}", line.strip_prefix("$ ").unwrap_or(&line))?;
    }
    out.flush()?;
    let ends_at = arguments.seconds.map(Duration::from_secs);
    let less = Roster::new(&[(ROLES[0].name, "")]);
    let show = Show { stage: &stage, happenings, ends_at, clock, roster: people(), less, approved_at: None };
    let shown = if arguments.plain || !io::stdout().is_terminal() { show.plain(out) } else { show.live() };
    runtime.block_on(cast.end());
    let numbers = stage.server.status().metrics();
    let stopped = stage.server.stop();
    shown?;
    writeln!(out, "{} PUBLISHes, {} NOTIFYs; ended in order", published(&numbers), numbers.notify_sent)?;
    if let Err(alarm) = stopped {
        writeln!(err, "a fault: {}", alarm.0)?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn published(numbers: &node::Metrics) -> u64 {
    numbers.publish_initial + numbers.publish_refresh + numbers.publish_modify + numbers.publish_remove
}

fn people() -> Roster {
    Roster::new(&ROLES.map(|role| (role.name, role.played_by)))
}

fn set_up(arguments: &DemoArguments) -> Result<Stage, String> {
    let (folder, path) = match &arguments.data {
        Some(path) => (None, path.clone()),
        None => {
            let folder = tempfile::Builder::new()
                .prefix("rollcall-demo-")
                .tempdir()
                .map_err(|error| error.to_string())?;
            let path = folder.path().to_owned();
            (Some(folder), path)
        }
    };
    std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let log = path.join("rollcall.log");
    let file = std::fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    log::start_into(LogFormat::Text, LogLevel::Info, std::sync::Mutex::new(file));
    let passwords = ROLES.iter().map(|_| password()).collect::<Result<Vec<_>, _>>()?;
    let config = configuration(&path, &passwords);
    let keeper = keeper::open(&config).map_err(|error| error.to_string())?;
    let server = Server::start(config, keeper).map_err(|error| error.to_string())?;
    server.announce();
    let address = server.listen()[0].address;
    Ok(Stage { server, passwords, address, _folder: folder })
}

/// The defaults, with users, every change told at once, and a port that is free.
fn configuration(path: &Path, passwords: &[String]) -> Config {
    let mut config = Config::default();
    config.general.domains = vec![DOMAIN.to_owned()];
    config.general.listen = listen(5060);
    if settle(&config.general.listen).is_err() {
        config.general.listen = listen(0);
    }
    config.presence_server.pace = Duration::ZERO;
    let secrets = passwords.iter().cloned().map(Secret::Password);
    config.authentication.users =
        ROLES.iter().map(|role| role.name.to_owned()).zip(secrets).collect::<BTreeMap<_, _>>();
    config.store.path = path.join("store").display().to_string();
    let free = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_or(0, |_| port);
    config.admin.listen = AdminListen(Some((Ipv4Addr::LOCALHOST, free(8080)).into()));
    config.roles = Roles::ALL;
    config.aggregation_proxy.listen =
        vec![WebListen::loopback(true, free(8443)), WebListen::loopback(false, free(8090))];
    config
}

fn listen(port: u16) -> Vec<Listen> {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    [Protocol::Udp, Protocol::Tcp].map(|protocol| Listen { protocol, address, advertised: None }).to_vec()
}

/// Eight letters and digits that are not mistaken for each other: 40 bits, fresh at every start.
fn password() -> Result<String, String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    Ok(random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect())
}

/// How to join in, a line each.
fn join(stage: &Stage) -> Vec<String> {
    let carol = ROLES.len() - 1;
    let (address, password) = (stage.address, &stage.passwords[carol]);
    let program = program();
    let users: Vec<_> = ROLES
        .iter()
        .zip(&stage.passwords)
        .map(|(role, password)| format!("{} {password}", role.name))
        .collect();
    let mut lines = vec![
        "From a second terminal, as carol:".to_owned(),
        format!(
            "$ {program} watch robot@{DOMAIN} --as carol@{DOMAIN} --password {password} --server {address}"
        ),
        format!(
            "$ {program} publish carol@{DOMAIN} --status open --note hello --keep --password {password} --server {address}"
        ),
        format!(
            "A softphone: sip:carol@{DOMAIN}, password {password}, proxy {address} (UDP or TCP), presence on,"
        ),
        "registration off (Rollcall is no registrar); put robot, alice and bob on its buddy list.".to_owned(),
        format!("Passwords: {}", users.join(", ")),
    ];
    lines.push("Who watches carol, and who waits for her to decide; and alice's second thoughts (approve brings her back):".to_owned());
    lines.push(format!("$ {program} watchers --as carol@{DOMAIN} --password {password} --server {address}"));
    let pin = stage.server.entrance().and_then(Entrance::fingerprint).unwrap_or_default();
    if let Some(root) = stage.root(true) {
        let (alice, hers) = (ROLES[1].name, &stage.passwords[1]);
        lines.push(format!(
            "$ {program} polite-block carol@{DOMAIN} --as {alice}@{DOMAIN} --password {hers} --root {root} --pin {pin}"
        ));
        lines.push("Documents over XCAP, with a password, as carol:".to_owned());
        lines.push(format!(
            "$ {program} contacts add robot@{DOMAIN} --as carol@{DOMAIN} --password {password} --root {root} --pin {pin}"
        ));
    }
    if let Some(root) = stage.root(false) {
        let http = root.trim_end_matches(stage.server.config().xdm.root.as_str());
        lines.push(format!("$ curl --digest -u carol:{password} {http}/v1/users/carol@{DOMAIN}/watchers"));
    }
    if let Some(admin) = stage.server.admin() {
        lines.push(format!("Metrics: http://{admin}/metrics"));
    }
    lines
}

/// This program as a shell finds it from here.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "rollcall".to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(&path).display().to_string()
}

async fn stop_on_signal(happenings: Sender<Happening>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return; // then a signal ends the process as it does others
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let _ = happenings.send(Happening::Stop);
}

/// Something that shows what happens, until the end.
struct Show<'a> {
    stage: &'a Stage,
    happenings: Receiver<Happening>,
    ends_at: Option<Duration>,
    clock: Clock,
    /// What carol sees.
    roster: Roster,
    /// What bob sees of the robot.
    less: Roster,
    /// When alice let carol watch.
    approved_at: Option<Duration>,
}

/// News of the robot in the words of what is not in it.
fn to_bob(news: News) -> News {
    News { note: NO_MORE.to_owned(), ..news }
}

/// How often the live picture is drawn at least.
const FRAME: Duration = Duration::from_millis(50);

impl Show<'_> {
    fn is_over(&self) -> bool {
        self.ends_at.is_some_and(|at| self.clock.elapsed() >= at)
    }

    /// One line per change.
    fn plain(mut self, out: &mut dyn Write) -> io::Result<()> {
        while !self.is_over() {
            match self.happenings.recv_timeout(FRAME) {
                Ok(Happening::News(news)) => {
                    if self.roster.take(&news) {
                        writeln!(out, "{}", line(&self.roster, &news))?;
                        out.flush()?;
                    }
                }
                Ok(Happening::Less(news)) => {
                    if self.less.take(&news) {
                        writeln!(out, "{}", line(&self.less, &to_bob(news)))?;
                        out.flush()?;
                    }
                }
                Ok(Happening::Approved) => {
                    let at = self.clock.elapsed().as_secs_f64();
                    writeln!(out, "{at:9.3}s  alice approves carol: rollcall approve carol@{DOMAIN}")?;
                    out.flush()?;
                }
                Ok(Happening::Trouble(words)) => writeln!(out, "{words}")?,
                Ok(Happening::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(())
    }

    /// The roster on the whole terminal.
    fn live(mut self) -> io::Result<()> {
        let mut terminal = ratatui::try_init()?;
        let join = join(self.stage);
        let mut trouble = None;
        let result = loop {
            let side = self.side(&join, trouble.as_ref());
            if let Err(error) = terminal.draw(|frame| draw(frame, &self.roster, &self.less, &side)) {
                break Err(error);
            }
            match self.keys() {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(error) => break Err(error),
            }
            if !self.take_all(&mut trouble) || self.is_over() {
                break Ok(());
            }
        };
        ratatui::try_restore()?;
        result
    }

    /// Takes what has happened. Whether the demo goes on.
    fn take_all(&mut self, trouble: &mut Option<String>) -> bool {
        while let Ok(happening) = self.happenings.try_recv() {
            match happening {
                Happening::News(news) => _ = self.roster.take(&news),
                Happening::Less(news) => _ = self.less.take(&news),
                Happening::Approved => self.approved_at = Some(self.clock.elapsed()),
                Happening::Trouble(words) => *trouble = Some(words),
                Happening::Stop => return false,
            }
        }
        true
    }

    /// Waits a frame's time for keys. Whether one of them ends the demo.
    fn keys(&self) -> io::Result<bool> {
        if !event::poll(FRAME)? {
            return Ok(false);
        }
        let Event::Key(key) = event::read()? else { return Ok(false) };
        let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        Ok(key.kind == KeyEventKind::Press
            && (control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)))
    }

    fn side(&self, join: &[String], trouble: Option<&String>) -> Side {
        let status = self.stage.server.status();
        let numbers = status.metrics();
        let rows = status.store.rows.load(Ordering::Relaxed);
        let counters = [
            ("publications", numbers.publications),
            ("subscriptions", numbers.subscriptions_presence_active),
            ("PUBLISHes taken", published(&numbers)),
            ("NOTIFYs sent", numbers.notify_sent),
            ("answered with 200", numbers.notify_answered_2xx),
            ("rows kept on disk", rows),
        ];
        let counters = counters.map(|(name, value)| (name, value.to_string())).to_vec();
        let join = trouble.into_iter().cloned().chain(join.iter().cloned()).collect();
        Side { up: self.clock.elapsed(), approved_at: self.approved_at, counters, join }
    }
}
