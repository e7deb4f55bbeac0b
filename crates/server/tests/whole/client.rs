//! `rollcall xcap` and `rollcall contacts` against a whole server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use server::server::Server;

use crate::web::{entrance, list, start};

struct Shell {
    server: Server,
    folder: tempfile::TempDir,
}

impl Shell {
    fn new() -> Self {
        let users = "authentication.users={ alice = \"wonderland\" }";
        let server = start(&["authentication.open=false", users, "xdm.changes-pace=0s"]);
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("ROLLCALL_IDENTITY", "alice@example.com").env("ROLLCALL_PASSWORD", "wonderland");
        command.env("ROLLCALL_XCAP_ROOT", format!("http://{}/xcap-root", entrance(&self.server)));
        command
    }

    /// Exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(&self.command(arguments).output().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// An editor that runs a line of shell on the file.
    fn editor(&self, line: &str) -> String {
        let path = self.file("editor", &format!("#!/bin/sh\n{line}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn documents_are_put_shown_and_removed() {
    let shell = Shell::new();
    let file = shell.file("lists.xml", &list(&["bob"]));
    assert_eq!(shell.run(&["xcap", "get", "resource-lists"]).0, 3, "not there");
    assert_eq!(
        shell.run(&["xcap", "put", "resource-lists", &file, "--if-absent"]),
        (0, String::new(), "made\n".into())
    );
    assert_eq!(shell.run(&["xcap", "get", "resource-lists"]).1, list(&["bob"]));
    let node = "resource-lists/list[@name=\"friends\"]/entry[@uri=\"sip:bob@example.com\"]";
    let (_, part, _) = shell.run(&["xcap", "get", "resource-lists", node]);
    assert_eq!(part, "<entry uri=\"sip:bob@example.com\"/>");
    let etag = shell.run(&["xcap", "get", "resource-lists", "--etag"]).1;
    let changed =
        shell.file("entry.xml", "<entry uri=\"sip:bob@example.com\"><display-name>B</display-name></entry>");
    let (code, _, said) =
        shell.run(&["xcap", "put", "resource-lists", &changed, node, "--if-match", etag.trim()]);
    assert_eq!((code, said.as_str()), (0, "replaced\n"));
    let (code, _, said) = shell.run(&["xcap", "delete", "resource-lists", node, "--if-match", etag.trim()]);
    assert_eq!(code, 3);
    assert!(said.contains("the document has changed since you read it"), "{said}");
    assert_eq!(shell.run(&["xcap", "delete", "resource-lists", node]).2, "removed\n");
    let directory = shell.run(&["xcap", "get", "org.openmobilealliance.xcap-directory"]).1;
    assert!(directory.contains("resource-lists/users/"), "{directory}");
}

#[test]
fn what_is_refused_is_told_in_plain_words() {
    let shell = Shell::new();
    let file = |text: &str| shell.file("x.xml", text);
    let put = |text: &str, node: &[&str]| {
        let file = file(text);
        let (code, _, said) = shell.run(&[&["xcap", "put", "resource-lists", &file], node].concat());
        assert_eq!(code, 3, "{said}");
        said
    };
    assert!(put("<resource-lists>", &[]).contains("this is no well-formed XML"));
    assert!(
        put("<entry uri=\"a:b\"/>", &["resource-lists/list/entry"]).contains("put the whole document first")
    );
    let unknown = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><x/></resource-lists>";
    assert!(put(unknown, &[]).contains("the document would not be valid"));
    let (code, _, said) = shell.run(&["xcap", "put", "resource-lists", &file("x"), "--type", "text/plain"]);
    assert_eq!(code, 3);
    assert!(said.contains("the server takes application/resource-lists+xml there"), "{said}");
    let (code, _, said) = shell.run(&["xcap", "get", "resource-lists", "x:list"]);
    assert!(code == 3 && said.contains("a prefix is told with --ns"), "{said}");
    let (code, _, said) = shell.run(&["xcap", "get", "resource-lists/users/sip:bob@example.com/index"]);
    assert!(code == 3 && said.contains("alice@example.com may not do this"), "{said}");
    let (code, _, said) = told(
        &shell.command(&["xcap", "get", "resource-lists"]).env("ROLLCALL_PASSWORD", "x").output().unwrap(),
    );
    assert!(code == 4 && said.contains("the server refused the password"), "{said}");
    let nowhere = ["xcap", "get", "resource-lists", "--root", "http://127.0.0.1:1/xcap-root"];
    let (code, _, said) = shell.run(&nowhere);
    assert!(code == 5 && said.contains("is a server running there?"), "{said}");
}

#[test]
fn an_editor_changes_a_document_and_loses_nothing() {
    let shell = Shell::new();
    let edit = |line: &str, node: &[&str]| {
        let arguments = [&["xcap", "edit", "resource-lists"], node].concat();
        told(
            &shell
                .command(&arguments)
                .env("EDITOR", shell.editor(line))
                .env_remove("VISUAL")
                .output()
                .unwrap(),
        )
    };
    let add = "sed -i 's|</resource-lists>|<list name=\"friends\"/></resource-lists>|' \"$1\"";
    assert_eq!(edit(add, &[]), (0, String::new(), "made\n".into()), "an empty one is there to begin with");
    assert_eq!(edit("true", &[]).2, "nothing is changed\n");
    assert_eq!(edit("false", &[]).0, 1);
    let rename = "sed -i 's/friends/pals/' \"$1\"";
    let (code, _, said) = edit(rename, &["resource-lists/list[@name=\"friends\"]"]);
    assert!(code == 3 && said.contains("make its name and attributes say what the selector says"), "{said}");
    let kept = said.split("what you wrote is in ").nth(1).unwrap().trim();
    assert!(fs::read_to_string(kept).unwrap().contains("pals"));
    fs::remove_file(Path::new(kept)).unwrap();
    assert_eq!(edit(rename, &[]).2, "replaced\n");
    assert!(shell.run(&["xcap", "get", "resource-lists"]).1.contains("<list name=\"pals\"/>"));
}

#[test]
fn who_watches_a_document_sees_each_change() {
    let shell = Shell::new();
    let sip = shell.server.listen()[0].address.to_string();
    let words = ["xcap", "watch", "resource-lists", "pres-rules", "--server", &sip, "--json"];
    let mut watch = shell.command(&words).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap().unwrap()).unwrap();
    // Nothing is there at first, so the first line is of the first change, whenever the subscription began.
    assert_eq!(shell.run(&["contacts", "add", "bob@example.com"]).0, 0);
    let made = next();
    assert_eq!(made["document"], "resource-lists/users/sip:alice@example.com/index");
    assert_eq!(shell.run(&["contacts", "add", "carol@example.com"]).0, 0);
    let changed = next();
    assert_eq!(changed["previous"], made["etag"]);
    assert_eq!(shell.run(&["xcap", "delete", "resource-lists"]).0, 0);
    let gone = next();
    assert_eq!((&gone["previous"], &gone["etag"]), (&changed["etag"], &serde_json::Value::Null));
    let ended = Command::new("kill").args(["-INT", &watch.id().to_string()]).status().unwrap();
    assert!(ended.success() && watch.wait().unwrap().success());
}

#[test]
fn contacts_come_and_go() {
    let shell = Shell::new();
    assert_eq!(shell.run(&["contacts", "list"]).2, "no lists yet; rollcall contacts add makes one\n");
    let add = |who: &str, more: &[&str]| shell.run(&[&["contacts", "add", who], more].concat());
    assert_eq!(
        add("bob@example.com", &["--name", "Bob & Co"]).2,
        "bob@example.com is now on oma_buddylist\n"
    );
    assert_eq!(add("carol@example.com", &[]).0, 0);
    assert_eq!(add("carol@example.com", &[]).2, "carol@example.com was already on oma_buddylist\n");
    assert_eq!(add("dave@example.com", &["--list", "a \"b\" & c"]).0, 0);
    assert_eq!(
        shell.run(&["contacts", "list"]).1,
        "oma_buddylist\n  sip:bob@example.com  Bob & Co\n  sip:carol@example.com\na \"b\" & c\n  sip:dave@example.com\n"
    );
    let json = shell.run(&["contacts", "list", "--json"]).1;
    assert_eq!(
        json.lines().next(),
        Some(r#"{"list":"oma_buddylist","name":"Bob & Co","uri":"sip:bob@example.com"}"#)
    );
    assert_eq!(shell.run(&["contacts", "remove", "dave@example.com", "--list", "a \"b\" & c"]).0, 0);
    let (code, _, said) = shell.run(&["contacts", "remove", "dave@example.com"]);
    assert!(code == 3 && said.contains("dave@example.com is not on oma_buddylist"), "{said}");
}
