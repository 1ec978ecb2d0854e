//! Secrets from end to end: a program gets them, and nothing that is written, printed or answered ever holds them.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use daybreak_tests::{binary, daybreak, json};

const ENVIRONMENT: &str = "canary p@ss/w0rd+1-\"0b54";
const FILE: &str = "filed canary 77";
/// Pieces of every form in which the program prints them; the innermost letters of base64 depend on nothing around.
const TRACES: [&str; 10] =
    ["canary", "p@ss", "w0rd", "+1-", "%2B1-", "%2b1-", "XJ5IHBAc3Mvdz", "W5hcnkgcEBzcy93", "sZWQgY2FuYXJ5", "p%40ss"];
const SCRIPT: &str = r#"
echo "lengths ${#TOKEN} ${#FILED} plain $PLAIN"
echo "raw $TOKEN and $FILED"
echo "raw $TOKEN and $FILED" >&2
printf %s "${TOKEN%????????}"; printf '%s\n' "${TOKEN#"${TOKEN%????????}"}"
printf %s "$TOKEN" | base64
printf %s "user:$TOKEN" | base64 -w 0; echo
printf %s "$FILED" | base64 | tr +/ -_
printf '%s\n' "$TOKEN" | sed 's/@/%40/g; s/ /%20/g; s/+/%2B/g; s#/#%2F#g; s/"/%22/g'
printf '%s\n' "$TOKEN" | sed 's/@/%40/g; s/ /+/g; s/+1/%2b1/g; s#/#%2f#g; s/"/%22/g'
printf '{"token":"%s"}\n' "$(printf %s "$TOKEN" | sed 's/"/\\"/g')"
printf '%s\n' "$FILED" | sed 's/ /+/g'
echo "the end: $TOKEN" >&2
exit 7
"#;

fn project(folder: &Path, secrets: &Path) {
    let script: String = SCRIPT.lines().map(|line| format!("            {}\n", line.replace("${", "$${"))).collect();
    let text = format!(
        "version: 1
name: bird
secrets: {{ folder: {} }}
dags:
  leak:
    params: {{ given: none }}
    retry: {{ attempts: 2, backoff: {{ first: 1ms }} }}
    tasks:
      loud:
        kind: command
        argv:
          - sh
          - -c
          - |
{script}        env: {{ TOKEN: secret://api-token, FILED: secret://filed, PLAIN: \"${{params.given}}\" }}
",
        secrets.display()
    );
    std::fs::write(folder.join("daybreak.yaml"), text).expect("written");
}

fn secret_file(folder: &Path, name: &str, mode: u32) {
    let path = folder.join(name);
    std::fs::write(&path, format!("{FILE}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
}

fn with_secret(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder).env("DAYBREAK_SECRET_API_TOKEN", ENVIRONMENT);
    command.env("DAYBREAK_LOG", "debug").output().expect("daybreak starts")
}

/// Everything below a folder that holds one of the traces.
fn files_with_traces(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_with_traces(&path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let text = String::from_utf8_lossy(&bytes);
            found.extend(traces(&text).into_iter().map(|trace| format!("{trace} in {}", path.display())));
        }
    }
}

fn traces(text: &str) -> Vec<&'static str> {
    TRACES.into_iter().filter(|trace| text.contains(trace)).collect()
}

#[test]
fn a_program_gets_its_secrets_and_nothing_keeps_or_shows_them() {
    let (folder, secrets) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    project(folder.path(), secrets.path());
    secret_file(secrets.path(), "filed", 0o600);
    let checked = daybreak(folder.path(), &["check"]);
    let shown = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(shown.contains("secret api-token: leak.loud\nsecret filed: leak.loud\n"), "{shown}");

    let ran = with_secret(folder.path(), &["run", "leak", "--param", "given=secret://filed", "--wait"]);
    assert_eq!(ran.status.code(), Some(1), "it fails by its own will");
    let ran = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.contains("the end: ***"), "the reason shows the last lines: {ran}");
    let runs = json(&daybreak(folder.path(), &["runs", "--json"]));
    let id = runs[0]["id"].as_str().expect("a run").to_owned();
    let log = String::from_utf8_lossy(&daybreak(folder.path(), &["logs", &id, "loud"]).stdout).into_owned();
    assert!(log.contains("lengths 24 15 plain secret://filed"), "values of a run are never references: {log}");
    assert!(log.contains("raw *** and ***\nraw *** and ***\n***\n"), "{log}");
    assert!(log.contains("{\"token\":\"***\"}"), "{log}");
    let mut told = vec![("the command".to_owned(), ran), ("the log".to_owned(), log)];
    let questions: [&[&str]; 5] = [
        &["run", "show", &id, "--json"],
        &["why", &id],
        &["runs", "--json"],
        &["audit", "--json"],
        &["explain", "leak"],
    ];
    for question in questions {
        let output = with_secret(folder.path(), question);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        told.push((question.join(" "), text));
    }
    for (what, text) in told {
        assert_eq!(traces(&text), Vec::<&str>::new(), "{what}: {text}");
    }
    let mut found = Vec::new();
    files_with_traces(folder.path(), &mut found);
    assert_eq!(found, Vec::<String>::new());
}

/// A server that answers one request with the header it was sent, and tells it to this test.
fn echo() -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answering = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a request");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).expect("a request");
            request.extend(byte);
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        assert!(request.starts_with("PATCH / "), "the method is the one that was asked for");
        let sent = request.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default().to_owned();
        let body = serde_json::json!({ "seen": sent }).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        client.write_all((head + &body).as_bytes()).expect("an answer");
        sent
    });
    (port, answering)
}

#[test]
fn a_request_has_its_secret_header_and_what_is_answered_is_masked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, answering) = echo();
    let text = format!(
        "version: 1
name: bird
http: {{ allow: [\"127.0.0.1:{port}\"] }}
dags:
  call:
    tasks:
      ask:
        kind: http
        url: http://127.0.0.1:{port}/
        method: PATCH
        headers: {{ Authorization: secret://api-token }}
        outputs: {{ seen: /seen }}
"
    );
    std::fs::write(folder.path().join("daybreak.yaml"), text).expect("written");
    let ran = with_secret(folder.path(), &["run", "call", "--wait", "--json"]);
    let shown = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{shown}");
    assert_eq!(answering.join().expect("it was asked"), ENVIRONMENT);
    assert_eq!(traces(&shown), Vec::<&str>::new(), "{shown}");
    let mut found = Vec::new();
    files_with_traces(folder.path(), &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn each_item_of_a_list_gets_the_secrets_of_its_task() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "version: 1
name: bird
dags:
  each:
    tasks:
      loud:
        kind: command
        for_each: [a, b]
        argv: [sh, -c, 'echo \"$${#TOKEN} $TOKEN\"']
        env: { TOKEN: secret://api-token }
";
    std::fs::write(folder.path().join("daybreak.yaml"), text).expect("written");
    let ran = with_secret(folder.path(), &["run", "each", "--wait", "--json"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let id = json(&ran)["id"].as_str().expect("an id").to_owned();
    for item in ["loud[0]", "loud[1]"] {
        let log = String::from_utf8_lossy(&daybreak(folder.path(), &["logs", &id, item]).stdout).into_owned();
        assert!(log.contains("24 ***"), "{item}: {log}");
    }
}

#[test]
fn without_its_secrets_a_task_fails_before_anything_starts_and_says_what_is_missing() {
    let (folder, secrets) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    project(folder.path(), secrets.path());
    secret_file(secrets.path(), "filed", 0o644);
    let ran = json(&{
        let mut output = daybreak(folder.path(), &["run", "leak", "--json", "--wait"]);
        assert_eq!(output.status.code(), Some(1));
        output.status = std::process::ExitStatus::default();
        output
    });
    let task = &ran["tasks"][0];
    assert_eq!((&task["state"], &task["attempt"]), (&"failed".into(), &1.into()));
    let reason = task["reason"].as_str().expect("a reason");
    for words in ["`api-token`", "DAYBREAK_SECRET_API_TOKEN", "`filed`", "others than its owner"] {
        assert!(reason.contains(words), "{words} in {reason}");
    }
    let id = ran["id"].as_str().expect("an id");
    let log = String::from_utf8_lossy(&daybreak(folder.path(), &["logs", id, "loud"]).stdout).into_owned();
    assert!(log.contains("attempt 1 failed (missing_secret)"), "{log}");
    assert!(!log.contains("lengths"), "the program was not started: {log}");
}
