//! README, "Server, workers and endpoint apart": its terminals work as they are written, on free ports and a PostgreSQL of the
//! test's own.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daybreak_tests::postgres::{Durability, Postgres};
use daybreak_tests::{binary, daybreak, json, root, wait_for};

/// The blocks of the section, in their order.
fn blocks() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("a README");
    let (_, section) = readme.split_once("## Server, workers and endpoint apart").expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("its end").to_owned()).collect()
}

fn shell(project: &Path, block: &str) -> Command {
    let folder = binary().parent().expect("a folder").to_path_buf();
    let block = format!("export PATH=\"{}:$PATH\"\n{block}", folder.display());
    let mut command = Command::new("sh");
    command.args(["-e", "-c", &block]).current_dir(project);
    command.env_remove("DAYBREAK_DATABASE").env_remove("DAYBREAK_TOKEN");
    command
}

/// A terminal with what runs in it, closed when dropped.
struct Terminal(Child);

impl Terminal {
    fn open(project: &Path, block: &str) -> Self {
        let mut command = shell(project, block);
        command.process_group(0).stdout(Stdio::null());
        Self(command.spawn().expect("a shell"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // All of its group: some run beside the shell.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port().to_string()
}

#[test]
fn the_terminals_of_the_readme_run_a_night_and_predict() {
    let postgres = Postgres::start(Durability::None).expect("a server");
    postgres.create_database("apart", None).expect("a database");
    let around = tempfile::tempdir().expect("a folder");
    let project = around.path();
    assert!(daybreak(project, &["init"]).status.success());
    let (server, endpoint) = (free_port(), free_port());
    let here = |block: &String| {
        let block = block.replace("postgres://daybreak@127.0.0.1:5432/daybreak", &postgres.url("apart"));
        block.replace(":4321", &format!(":{server}")).replace(":4322", &format!(":{endpoint}"))
    };
    let blocks: Vec<String> = blocks().iter().map(here).collect();
    let [first, second, third, fourth] = blocks.as_slice() else { panic!("four blocks, not {}", blocks.len()) };

    let _server = Terminal::open(project, first);
    wait_for("the server's note", Duration::from_secs(60), || {
        project.join(".daybreak/server.json").exists().then_some(())
    });
    let _workers = Terminal::open(project, second);
    let _endpoint = Terminal::open(project, third);
    wait_for("two workers", Duration::from_secs(60), || {
        let workers = json(&daybreak(project, &["workers", "--json"]));
        (workers["workers"].as_array()?.len() == 2).then_some(())
    });
    for line in fourth.lines() {
        // A model that has just been promoted is loaded a moment later.
        let said = wait_for(line, Duration::from_secs(60), || {
            let output = shell(project, line).output().expect("a shell");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() || line.starts_with("curl"), "{line}: {said}");
            (!line.starts_with("curl") || said.contains("probability")).then_some(said)
        });
        match line {
            "daybreak workers" => assert!(said.contains("small") && said.contains("gpu=a100"), "{said}"),
            "daybreak queues" => assert!(said.lines().any(|line| line.trim_end().ends_with(" 2")), "{said}"),
            _ => {}
        }
    }
    let models = json(&daybreak(project, &["models", "--json"]));
    assert_eq!(models[0]["aliases"]["champion"], 1, "{models}");
}
