//! README, "Server, workers and endpoint apart": its terminals work as they are written, on free ports and a PostgreSQL of the
//! test's own.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daybreak_tests::postgres::{Durability, Postgres};
use daybreak_tests::served::free_port;
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

/// A project, and where its database and its processes are to be found instead of where the README says.
struct Stage {
    _around: tempfile::TempDir,
    project: PathBuf,
    replaced: Vec<(String, String)>,
    _postgres: Postgres,
}

impl Stage {
    fn set(more: &[(&str, String)]) -> Self {
        let postgres = Postgres::start(Durability::None).expect("a server");
        postgres.create_database("apart", None).expect("a database");
        let around = tempfile::tempdir().expect("a folder");
        let project = around.path().to_path_buf();
        assert!(daybreak(&project, &["init"]).status.success());
        let database = ("postgres://daybreak@127.0.0.1:5432/daybreak", postgres.url("apart"));
        let ports = [(":4321", format!(":{}", free_port())), (":4322", format!(":{}", free_port()))];
        let replaced = [database].into_iter().chain(ports).chain(more.iter().cloned());
        let replaced = replaced.map(|(written, here)| (written.to_owned(), here)).collect();
        Self { _around: around, project, replaced, _postgres: postgres }
    }

    /// A block as it is here.
    fn here(&self, block: &str) -> String {
        self.replaced.iter().fold(block.to_owned(), |block, (written, here)| block.replace(written, here))
    }

    /// Server, workers and endpoint, once all of them are there.
    fn open(&self, [server, workers, endpoint]: [&str; 3]) -> [Terminal; 3] {
        let server = Terminal::open(&self.project, &self.here(server));
        wait_for("the server's note", Duration::from_secs(60), || {
            self.project.join(".daybreak/server.json").exists().then_some(())
        });
        let workers = Terminal::open(&self.project, &self.here(workers));
        let endpoint = Terminal::open(&self.project, &self.here(endpoint));
        wait_for("two workers", Duration::from_secs(60), || {
            let workers = json(&daybreak(&self.project, &["workers", "--json"]));
            (workers["workers"].as_array()?.len() == 2).then_some(())
        });
        [server, workers, endpoint]
    }

    /// Each line of a block by itself; what a line says.
    fn look_on(&self, block: &str, mut said_of: impl FnMut(&str, &str)) {
        for line in self.here(block).lines() {
            // A model that has just been promoted is loaded a moment later.
            let said = wait_for(line, Duration::from_secs(60), || {
                let output = shell(&self.project, line).output().expect("a shell");
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success() || line.starts_with("curl"), "{line}: {said}");
                (!line.starts_with("curl") || said.contains("probability")).then_some(said)
            });
            said_of(line, &said);
        }
        let models = json(&daybreak(&self.project, &["models", "--json"]));
        assert_eq!(models[0]["aliases"]["champion"], 1, "{models}");
    }
}

#[test]
fn the_terminals_of_the_readme_run_a_night_and_predict() {
    let blocks = blocks();
    let [server, workers, endpoint, look, ..] = blocks.as_slice() else { panic!("{} blocks", blocks.len()) };
    let stage = Stage::set(&[]);
    let _terminals = stage.open([server, workers, endpoint]);
    stage.look_on(look, |line, said| match line {
        "daybreak workers" => assert!(said.contains("small") && said.contains("gpu=a100"), "{said}"),
        "daybreak queues" => assert!(said.lines().any(|line| line.trim_end().ends_with(" 2")), "{said}"),
        _ => {}
    });
}

/// Network devices and namespaces of the test's own, gone when dropped.
struct Hosts {
    number: String,
}

impl Hosts {
    fn replaced(&self) -> Vec<(&'static str, String)> {
        let Self { number } = self;
        vec![
            ("daybreak type bridge", format!("db{number} type bridge")),
            ("dev daybreak", format!("dev db{number}")),
            ("ip link set daybreak up", format!("ip link set db{number} up")),
            ("master daybreak", format!("master db{number}")),
            ("veth$host", format!("dv{number}-$host")),
            ("veth1", format!("dv{number}-1")),
            ("host$", format!("h{number}-$")),
            ("exec host", format!("exec h{number}-")),
            ("10.77.0.", format!("10.77.{}.", std::process::id() % 250 + 1)),
        ]
    }

    /// Whether namespaces may be made here.
    fn are_allowed(&self) -> bool {
        let name = format!("may{}", self.number);
        let ip = |verb: &str| Command::new("ip").args(["netns", verb, &name]).stderr(Stdio::null()).status();
        ip("add").is_ok_and(|made| made.success()) && ip("del").is_ok_and(|gone| gone.success())
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in ["1", "2"] {
            let _ = Command::new("ip").args(["netns", "del", &format!("h{}-{host}", self.number)]).status();
        }
        let _ = Command::new("ip").args(["link", "del", &format!("db{}", self.number)]).status();
    }
}

#[test]
fn hosts_with_nothing_but_a_network_in_common_run_a_night_and_one_that_is_cut_off_is_done_without() {
    let hosts = Hosts { number: (std::process::id() % 100_000).to_string() };
    if !hosts.are_allowed() {
        println!("not run: network namespaces need root and `ip` of the package iproute2");
        return;
    }
    let blocks = blocks();
    let [_, _, _, look, network, server, workers, endpoint] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len())
    };
    let stage = Stage::set(&hosts.replaced());
    let made = shell(&stage.project, &stage.here(network)).status().expect("a shell");
    assert!(made.success(), "{}", stage.here(network));
    let terminals = stage.open([server, workers, endpoint]);
    stage.look_on(look, |line, said| {
        if line == "daybreak workers" {
            assert!(said.contains("host1") && said.contains("host2"), "{said}");
        }
    });
    let cut = shell(&stage.project, &stage.here("ip link set veth1 down")).status().expect("a shell");
    assert!(cut.success());
    let again = ["run", "nightly", "--at", "2025-02-28T02:00:00Z", "--wait"];
    let ran = daybreak(&stage.project, &again);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    drop(terminals);
}
