//! Interoperability: SIPp scenarios, a PJSUA2 script, Linphone, curl and xmllint against the real server; and a capture
//! read by tshark.

use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::subject;
use crate::suite::Tally;
use crate::{run, say};

/// The scenarios that want a server which asks for passwords, and whose presence each publishes: SIPp is told the URI
/// that its credentials are for.
const WITH_PASSWORDS: &[(&str, &str)] =
    &[("credentials", "alice@example.com"), ("impostor", "bob@example.com")];

/// Runs every script. What cannot run here for want of a program is named and counted as skipped.
pub(crate) fn all() -> Tally {
    let mut tally = Tally::default();
    if let Err(why) = run::check(&mut run::cargo(&["build", "--workspace", "--bins"])) {
        say::trouble(&format!("xtask: {why}"));
        return Tally { failed: 1, ..tally };
    }
    let open = run::root().join("examples").join("open.toml");
    let closed = run::root().join("tests").join("interop").join("rollcall.toml");
    let scenarios = scenarios();
    say::step("SIPp");
    if provide("sipp", "sip-tester") {
        let (asking, plain): (Vec<_>, Vec<_>) =
            scenarios.iter().partition(|(name, _)| credentials_for(name).is_some());
        // SIPp knows MD5 alone, and takes the first challenge that it sees.
        let md5 = ["authentication.algorithms=[\"MD5\"]".to_owned()];
        for (configuration, settings, group) in [(&open, &[][..], plain), (&closed, &md5, asking)] {
            with_server(configuration, settings, &mut tally, group.len() as u64, |server, tally| {
                for (name, path) in &group {
                    tally.one(&format!("sipp {name}"), sipp(path, server.address, credentials_for(name)));
                }
            });
        }
    } else {
        tally.skip(scenarios.len() as u64, "SIPp scenarios", "`apt-get install sip-tester`");
    }
    say::step("PJSUA2");
    match python() {
        Ok(python) => with_server(&closed, &[], &mut tally, 1, |server, tally| {
            let script = run::root().join("tests").join("interop").join("pjsua2").join("presence.py");
            let mut command = Command::new(&python);
            command.arg(script).arg(server.address.to_string());
            tally.one("pjsua2 presence", quietly(&mut command, Duration::from_secs(120)));
        }),
        Err(why) => tally.skip(1, "PJSUA2 script", &why),
    }
    say::step("Linphone");
    if provide("linphonec", "linphone-cli") && run::is_installed("python3") {
        let settings =
            ["presence-server.watch", "resource-list-server.lists"].map(|key| format!("{key}=\"everyone\""));
        with_server(&closed, &settings, &mut tally, 1, |server, tally| {
            let script = run::root().join("tests").join("interop").join("linphone").join("lists.py");
            let mut command = Command::new("python3");
            command.arg(script).arg(server.address.to_string()).arg(subject::program("debug"));
            tally.one("Linphone watches a list", quietly(&mut command, Duration::from_secs(180)));
        });
    } else {
        tally.skip(1, "Linphone", "`apt-get install linphone-cli python3`");
    }
    say::step("curl");
    if provide("curl", "curl") && provide("xmllint", "libxml2-utils") {
        tally.one("curl speaks XCAP", curl(&closed));
    } else {
        tally.skip(1, "curl script", "`apt-get install curl libxml2-utils`");
    }
    say::step("tshark");
    if provide("tshark", "tshark") && nix::unistd::geteuid().is_root() {
        tally.one("tshark reads the demo", in_a_folder(|folder| captured(folder, 3)));
    } else {
        tally.skip(1, "capture", "`apt-get install tshark`, and the right to capture");
    }
    tally
}

/// `cargo xtask capture`: records the demo on loopback and has tshark read it without a malformed packet.
pub(crate) fn capture(seconds: u32) -> Result<(), String> {
    if !provide("tshark", "tshark") {
        return Err("tshark is not installed: `apt-get install tshark`".to_owned());
    }
    run::check(&mut run::cargo(&["build", "--workspace", "--bins"]))?;
    in_a_folder(|folder| captured(folder, seconds))
}

fn in_a_folder(body: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    let folder = Folder(subject::temporary_folder()?);
    body(&folder.0)
}

fn captured(folder: &Path, seconds: u32) -> Result<(), String> {
    let file = folder.join("demo.pcap");
    let mut tshark = Command::new("tshark");
    tshark.args(["-q", "-i", "lo", "-f", "udp or tcp", "-w"]).arg(&file);
    let mut tshark = Guard::spawn(tshark.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    wait_for("tshark to begin", || file.exists())?;
    let mut demo = Command::new(subject::program("debug"));
    demo.args(["demo", "--plain", "--seconds", &seconds.to_string()]).current_dir(folder);
    quietly(&mut demo, Duration::from_secs(u64::from(seconds) + 60))?;
    tshark.end();
    let read = |filter: &str| {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(&file).args([
            "-Y",
            filter,
            "-T",
            "fields",
            "-e",
            "frame.number",
            "-e",
            "_ws.col.Info",
        ]);
        run::output(&mut command)
    };
    let sip = read("sip")?.lines().count();
    let notifies = read("sip.Method == \"NOTIFY\"")?.lines().count();
    let malformed = read("sip && (_ws.malformed || _ws.expert.severity == 8388608)")?;
    say::line(&format!("{sip} SIP messages, {notifies} NOTIFYs, {} malformed", malformed.lines().count()));
    if notifies == 0 {
        return Err("the capture holds no NOTIFY".to_owned());
    }
    if malformed.trim().is_empty() { Ok(()) } else { Err(format!("tshark marks as malformed:\n{malformed}")) }
}

fn credentials_for(scenario: &str) -> Option<&'static str> {
    WITH_PASSWORDS.iter().find(|(name, _)| *name == scenario).map(|(_, whose)| *whose)
}

fn scenarios() -> Vec<(String, PathBuf)> {
    let folder = run::root().join("tests").join("interop").join("sipp");
    let Ok(list) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(String, PathBuf)> = list
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect();
    found.sort();
    found
}

/// One call of one scenario; what SIPp said comes back as the error.
fn sipp(scenario: &Path, server: SocketAddrV4, credentials_for: Option<&str>) -> Result<(), String> {
    let folder = subject::temporary_folder()?;
    let errors = folder.join("errors.log");
    let messages = folder.join("messages.log");
    let here = subject::free_address()?;
    let mut command = Command::new("sipp");
    command.arg(server.to_string()).arg("-sf").arg(scenario);
    command.args(["-m", "1", "-s", "carol", "-nostdin", "-nr", "-timeout", "20s", "-timeout_error"]);
    command.args(["-recv_timeout", "8000", "-i", "127.0.0.1", "-p", &here.port().to_string()]);
    if let Some(whose) = credentials_for {
        command.args(["-auth_uri", whose]);
    }
    command
        .args(["-trace_err", "-trace_msg", "-error_file"])
        .arg(&errors)
        .arg("-message_file")
        .arg(&messages);
    command.current_dir(&folder);
    let outcome = quietly(&mut command, Duration::from_secs(40)).map_err(|_| {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        format!("{}\n{}", read(&errors).trim(), read(&messages).trim())
    });
    let _gone = fs::remove_dir_all(&folder);
    outcome
}

/// The script against a server with documents.
fn curl(configuration: &Path) -> Result<(), String> {
    let (https, http) = (subject::free_address()?, subject::free_address()?);
    let settings = [
        "xdm.root=/xcap-root".to_owned(),
        format!("aggregation-proxy.listen=[\"https:{https}\", \"http:{http}\"]"),
    ];
    let server = start(configuration, &settings)?;
    let script = run::root().join("tests").join("interop").join("curl").join("xcap.sh");
    let mut command = Command::new("sh");
    command.arg(script).arg(https.to_string()).arg(http.to_string());
    command.arg(server.folder.0.join("certificate.pem"));
    quietly(&mut command, Duration::from_secs(60))
}

struct Server {
    address: SocketAddrV4,
    _guard: Guard,
    folder: Folder,
}

/// Runs `body` beside a fresh server; if it does not start, everything that needed it has failed.
fn with_server(
    configuration: &Path,
    settings: &[String],
    tally: &mut Tally,
    count: u64,
    body: impl FnOnce(&Server, &mut Tally),
) {
    match start(configuration, settings) {
        Ok(server) => body(&server, tally),
        Err(why) => {
            say::trouble(&format!("xtask: {why}"));
            tally.failed += count;
        }
    }
}

fn start(configuration: &Path, settings: &[String]) -> Result<Server, String> {
    let (address, admin) = (subject::free_address()?, subject::free_address()?);
    let folder = Folder(subject::temporary_folder()?);
    let mut command = subject::rollcall("debug", configuration, address, admin, &folder.0, settings);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let guard = Guard::spawn(&mut command)?;
    wait_for("the server to be ready", || subject::page(admin, "/readyz").is_ok())?;
    Ok(Server { address, _guard: guard, folder })
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) -> Result<(), String> {
    let limit = Instant::now() + Duration::from_secs(20);
    while !done() {
        if Instant::now() > limit {
            return Err(format!("waited in vain for {what}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Whether a program is here; as root it is installed from the distribution first.
fn provide(program: &str, package: &str) -> bool {
    if run::is_installed(program) {
        return true;
    }
    if !nix::unistd::geteuid().is_root() || !run::is_installed("apt-get") {
        return false;
    }
    say::line(&format!("installing {package}"));
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        quietly(&mut command, Duration::from_secs(600))
    };
    let install = ["install", "--yes", "--no-install-recommends", package];
    let installed = apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)));
    if let Err(why) = installed {
        say::trouble(&format!("xtask: {why}"));
    }
    run::is_installed(program)
}

/// A Python that has PJSUA2, in an environment of its own under the build's folder.
fn python() -> Result<PathBuf, String> {
    let folder = run::target().join("pjsua2");
    let python = folder.join("bin").join("python");
    let has_it = |python: &Path| {
        let mut command = Command::new(python);
        command.args(["-c", "import pjsua2"]);
        run::output(&mut command).is_ok()
    };
    if has_it(&python) {
        return Ok(python);
    }
    if !run::is_installed("python3") {
        return Err("`apt-get install python3 python3-venv`".to_owned());
    }
    say::line("making a Python environment with PJSUA2");
    let minute = Duration::from_secs(300);
    quietly(Command::new("python3").args(["-m", "venv"]).arg(&folder), minute)
        .map_err(|why| format!("`apt-get install python3-venv` ({why})"))?;
    // The package of the library's own name has no wheel and does not build from its archive.
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "pjsua2-python==2.15.1.post1",
    ]);
    quietly(&mut pip, minute).map_err(|why| format!("`pip install pjsua2-python` ({why})"))?;
    if has_it(&python) { Ok(python) } else { Err("PJSUA2 does not load in this Python".to_owned()) }
}

/// Runs to the end or to the limit; both outputs come back as the error.
fn quietly(command: &mut Command, longest: Duration) -> Result<(), String> {
    let folder = Folder(subject::temporary_folder()?);
    let path = folder.0.join("output.log");
    let file = fs::File::create(&path).map_err(|error| error.to_string())?;
    let other = file.try_clone().map_err(|error| error.to_string())?;
    let mut guard = Guard::spawn(command.stdin(Stdio::null()).stdout(file).stderr(other))?;
    let limit = Instant::now() + longest;
    let status = loop {
        match guard.0.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() < limit => std::thread::sleep(Duration::from_millis(20)),
            Ok(None) => break None,
            Err(error) => return Err(error.to_string()),
        }
    };
    let said = || {
        let text = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    };
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("ended with {status}:\n{}", said())),
        None => Err(format!("not done after {longest:?}:\n{}", said())),
    }
}

/// A child that does not outlive us.
struct Guard(Child);

impl Guard {
    fn spawn(command: &mut Command) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.spawn().map(Self).map_err(|error| format!("{name} did not start: {error}"))
    }

    /// Asks it to end, and makes it after five seconds.
    fn end(&mut self) {
        subject::end(&mut self.0, Duration::from_secs(5));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}

/// A folder that goes away.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_scenario_is_there() {
        let names: Vec<String> = scenarios().into_iter().map(|(name, _)| name).collect();
        assert!(WITH_PASSWORDS.iter().all(|(name, _)| names.iter().any(|other| other == name)));
        assert!(names.len() >= 5);
    }

    #[test]
    fn what_a_failing_program_said_comes_back() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let why = quietly(&mut command, Duration::from_secs(60)).unwrap_err();
        assert!(why.contains("out") && why.contains("err") && why.contains('3'), "{why}");
    }
}
