//! The configuration file: read whole, checked whole, then handed down as values.

pub mod check;
pub mod example;
pub mod keys;
pub mod nearest;
pub mod settings;
pub mod table;
pub mod values;

use core::fmt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keys::{
    Admin, AggregationProxy, Authentication, Entitlement, General, Limits, Log, PresenceServer, RemoteXdms,
    ResourceListServer, Store, Xdm,
};
use nearest::nearest;
use table::Table;
use toml::de::{DeTable, DeValue};
use values::{Secret, Setting, quoted};

/// Everything the file can say, defaults filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Keys above all tables.
    pub general: General,
    /// `[presence-server]`
    pub presence_server: PresenceServer,
    /// `[xdm]`
    pub xdm: Xdm,
    /// `[aggregation-proxy]`
    pub aggregation_proxy: AggregationProxy,
    /// `[resource-list-server]`
    pub resource_list_server: ResourceListServer,
    /// `[remote-xdms]`
    pub remote_xdms: RemoteXdms,
    /// `[entitlement]`
    pub entitlement: Entitlement,
    /// `[authentication]`
    pub authentication: Authentication,
    /// `[store]`
    pub store: Store,
    /// `[admin]`
    pub admin: Admin,
    /// `[log]`
    pub log: Log,
    /// `[limits]`
    pub limits: Limits,
    /// Which roles are played: those whose table is there.
    pub roles: Roles,
}

/// The roles that a table switches on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// The Resource List Server.
    pub resource_list_server: bool,
    /// The document servers.
    pub xdm: bool,
    /// The Aggregation Proxy.
    pub aggregation_proxy: bool,
}

impl Roles {
    /// All of them.
    pub const ALL: Self = Self { resource_list_server: true, xdm: true, aggregation_proxy: true };

    /// Whether there is an HTTP entrance for clients.
    pub fn has_entrance(self) -> bool {
        self.xdm || self.aggregation_proxy
    }

    fn switch_on(&mut self, table: &str) {
        match table {
            "resource-list-server" => self.resource_list_server = true,
            "xdm" => self.xdm = true,
            "aggregation-proxy" => self.aggregation_proxy = true,
            _ => {}
        }
    }
}

/// Something wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the `--set` argument.
    pub source: String,
    /// Line in the file, counted from 1.
    pub line: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Problem {
    /// As a log may have it: what is said about users goes without what it quotes, which may be their names.
    pub fn for_log(&self) -> String {
        let said = self.to_string();
        if !self.message.contains("user") {
            return said;
        }
        let parts = said.split('"').enumerate();
        parts.map(|(index, part)| if index % 2 == 0 { part } else { "(not logged)" }).collect()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.source, self.message),
            None => write!(f, "{}: {}", self.source, self.message),
        }
    }
}

/// All that is wrong, so that one look suffices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl core::error::Error for Problems {}

/// Where the configuration comes from; kept for a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file; none: the defaults.
    pub file: Option<PathBuf>,
    /// `key=value` arguments, applied over the file in this order.
    pub set: Vec<String>,
}

impl Sources {
    /// Reads the file and the arguments over the defaults, and the users file that they name. Whole or not at all.
    pub fn load(&self) -> Result<Config, Problems> {
        let mut config = Config::default();
        let mut problems = Vec::new();
        if let Some(path) = &self.file {
            let name = path.display().to_string();
            match read_file(path) {
                Ok(text) => config.apply(&name, &text, &mut problems),
                Err(problem) => problems.push(problem),
            }
        }
        for argument in &self.set {
            config.apply_argument(argument, &mut problems);
        }
        config.read_users_file(&mut problems);
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }
}

fn read_file(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| Problem {
        source: path.display().to_string(),
        line: None,
        message: format!("cannot be read: {error}"),
    })
}

impl Config {
    /// The tables in the order of the example; the first has no name.
    pub fn tables(&self) -> [&dyn Table; 12] {
        [
            &self.general,
            &self.presence_server,
            &self.resource_list_server,
            &self.xdm,
            &self.aggregation_proxy,
            &self.remote_xdms,
            &self.entitlement,
            &self.authentication,
            &self.store,
            &self.admin,
            &self.log,
            &self.limits,
        ]
    }

    fn tables_mut(&mut self) -> [&mut dyn Table; 12] {
        [
            &mut self.general,
            &mut self.presence_server,
            &mut self.resource_list_server,
            &mut self.xdm,
            &mut self.aggregation_proxy,
            &mut self.remote_xdms,
            &mut self.entitlement,
            &mut self.authentication,
            &mut self.store,
            &mut self.admin,
            &mut self.log,
            &mut self.limits,
        ]
    }

    /// Applies the keys of one text over what is there. Each wrong line is a problem; the right ones are applied.
    pub fn apply(&mut self, source: &str, text: &str, problems: &mut Vec<Problem>) {
        let before = problems.len();
        self.apply_text(source, text, problems);
        problems[before..].sort_by_key(|problem| problem.line);
    }

    fn apply_text(&mut self, source: &str, text: &str, problems: &mut Vec<Problem>) {
        let mut report = |offset: Option<usize>, message: String| {
            let line = offset.map(|offset| text[..offset].matches('\n').count() + 1);
            problems.push(Problem { source: source.to_owned(), line, message });
        };
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(error) => return report(error.span().map(|span| span.start), error.message().to_owned()),
        };
        for (key, value) in document.get_ref().iter() {
            let name = key.get_ref().as_ref();
            let at = Some(key.span().start);
            let Some(index) = self.tables().iter().position(|table| !name.is_empty() && table.name() == name)
            else {
                if let Err(message) = self.set(0, name, value.get_ref()) {
                    report(at, message);
                }
                continue;
            };
            let Some(table) = value.get_ref().as_table() else {
                report(at, format!("[{name}] is a table, not a key"));
                continue;
            };
            self.roles.switch_on(name);
            for (key, value) in table.iter() {
                if let Err(message) = self.set(index, key.get_ref(), value.get_ref()) {
                    report(Some(key.span().start), message);
                }
            }
        }
    }

    /// Applies one `table.key=value`. The value is TOML; what is no TOML value is taken as a string.
    fn apply_argument(&mut self, argument: &str, problems: &mut Vec<Problem>) {
        let source = format!("--set {argument}");
        let Some((key, value)) = argument.split_once('=') else {
            let message = "expected key=value, such as presence-server.pace=0s".to_owned();
            problems.push(Problem { source, line: None, message });
            return;
        };
        let (key, value) = (key.trim(), value.trim());
        let is_toml = DeValue::parse(value).is_ok();
        let text = if is_toml { format!("{key} = {value}") } else { format!("{key} = {}", quoted(value)) };
        let before = problems.len();
        self.apply(&source, &text, problems);
        for problem in &mut problems[before..] {
            problem.line = None; // an argument has one line
        }
    }

    fn set(&mut self, index: usize, key: &str, value: &DeValue<'_>) -> Result<(), String> {
        let table = &mut self.tables_mut()[index];
        let name = table.name();
        match table.set(key, value) {
            Some(read) => read.map_err(|why| format!("{key}: {why}")),
            None => Err(self.unknown(name, key)),
        }
    }

    /// What to say of a key that is not known: the nearest of its table, or the table that has it.
    fn unknown(&self, table: &str, key: &str) -> String {
        let place = |table: &str| {
            if table.is_empty() { "above all tables".to_owned() } else { format!("in [{table}]") }
        };
        let names = |table: &&dyn Table| table.keys().into_iter().map(|key| key.name).collect::<Vec<_>>();
        let tables = self.tables();
        let mut hint = String::new();
        let mut here = tables.iter().filter(|one| one.name() == table).flat_map(names).collect::<Vec<_>>();
        if table.is_empty() {
            here.extend(tables.iter().map(|one| one.name().to_owned()).filter(|name| !name.is_empty()));
        }
        let elsewhere =
            tables.iter().find(|one| one.name() != table && names(one).iter().any(|name| name == key));
        if let Some(near) = nearest(key, here.iter().map(String::as_str)) {
            hint = format!("; did you mean {}?", quoted(near));
        } else if let Some(other) = elsewhere {
            hint = format!("; that key stands {}", place(other.name()));
        }
        format!("unknown key {} {}{hint}", quoted(key), place(table))
    }

    /// Adds the users of the users file. One who is in both is a problem: it would be unclear which password counts.
    fn read_users_file(&mut self, problems: &mut Vec<Problem>) {
        if self.authentication.users_file.is_empty() {
            return;
        }
        let source = self.authentication.users_file.clone();
        let text = match read_file(Path::new(&source)) {
            Ok(text) => text,
            Err(problem) => return problems.push(problem),
        };
        let document = match DeTable::parse(&text) {
            Ok(document) => document,
            Err(error) => {
                let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
                return problems.push(Problem { source, line, message: error.message().to_owned() });
            }
        };
        match BTreeMap::<String, Secret>::read(&DeValue::Table(document.into_inner())) {
            Ok(users) => {
                for (user, secret) in users {
                    if self.authentication.users.insert(user.clone(), secret).is_some() {
                        let message = format!("user {} is in [authentication.users] too", quoted(&user));
                        problems.push(Problem { source: source.clone(), line: None, message });
                    }
                }
            }
            Err(message) => problems.push(Problem { source, line: None, message }),
        }
    }

    /// Takes the reloadable values of `new`. Returns the names of changed keys: those taken, and those that wait for a
    /// restart.
    pub fn adopt(&mut self, new: &Self) -> (Vec<String>, Vec<String>) {
        let (mut taken, mut waiting) = (Vec::new(), Vec::new());
        for (mine, theirs) in self.tables().iter().zip(new.tables()) {
            for (old, new) in mine.keys().into_iter().zip(theirs.keys()) {
                if old.value != new.value {
                    let name = if mine.name().is_empty() {
                        old.name
                    } else {
                        format!("{}.{}", mine.name(), old.name)
                    };
                    if old.reloadable { taken.push(name) } else { waiting.push(name) }
                }
            }
        }
        for (name, mine, theirs) in [
            ("resource-list-server", self.roles.resource_list_server, new.roles.resource_list_server),
            ("xdm", self.roles.xdm, new.roles.xdm),
            ("aggregation-proxy", self.roles.aggregation_proxy, new.roles.aggregation_proxy),
        ] {
            if mine != theirs {
                waiting.push(format!("[{name}]"));
            }
        }
        self.general.adopt(&new.general);
        self.presence_server.adopt(&new.presence_server);
        self.xdm.adopt(&new.xdm);
        self.aggregation_proxy.adopt(&new.aggregation_proxy);
        self.resource_list_server.adopt(&new.resource_list_server);
        self.remote_xdms.adopt(&new.remote_xdms);
        self.entitlement.adopt(&new.entitlement);
        self.authentication.adopt(&new.authentication);
        self.store.adopt(&new.store);
        self.admin.adopt(&new.admin);
        self.log.adopt(&new.log);
        self.limits.adopt(&new.limits);
        (taken, waiting)
    }
}
