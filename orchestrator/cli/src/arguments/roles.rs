//! The command lines of the roles: `up` is all of them in one process, `server`, `worker` and `serve` are one each. No
//! behaviour.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use daybreak_spec::{Duration, LabelValue, Name, Timestamp};

use super::{duration, instant};

/// Where a role listens.
#[derive(Args, Clone, Copy)]
pub struct Listening {
    /// Address to listen on; one that other machines reach is taken with --allow-remote only
    #[arg(long, default_value = "127.0.0.1:4321", value_parser = address, value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Take an address that other machines reach. There is no TLS: tokens and data travel in clear text, and whoever can
    /// listen on the way can use them. For private networks only; elsewhere put a proxy with TLS in front
    #[arg(long)]
    pub allow_remote: bool,
}

/// Of whatever runs a server.
#[derive(Args)]
pub struct Serving {
    /// Folder of the project
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    #[command(flatten)]
    /// Where to listen.
    pub listening: Listening,
    /// Keep the state in this PostgreSQL (postgres://user:password@host:5432/name) instead of a file in the project's
    /// .daybreak folder; `DAYBREAK_DATABASE` says the same and does not show in the list of processes
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Keep objects and logs of tasks in this bucket (s3://bucket/prefix) instead of the project's .daybreak folder, asked
    /// with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL (http:// takes
    /// AWS_ALLOW_HTTP=true); `DAYBREAK_ARTIFACTS` says the same
    #[arg(long, value_name = "URL")]
    pub artifacts: Option<String>,
    /// Let everybody who reaches the server read /metrics, without a token
    #[arg(long)]
    pub open_metrics: bool,
    /// Simulate business time (firings, T, ttl): it stands at this instant, or where it stood when the project was last
    /// served so, until `daybreak clock INSTANT` moves it on
    #[arg(long, value_parser = instant, value_name = "INSTANT")]
    pub clock_from: Option<Timestamp>,
}

/// `up`
#[derive(Args)]
pub struct Up {
    #[command(flatten)]
    /// Of its server.
    pub server: Serving,
    /// Heavy tasks at once [default: half of the cores]
    #[arg(long, value_name = "N")]
    pub heavy: Option<u32>,
    /// Queues that its worker takes tasks from [default: every queue]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = queue)]
    pub queues: Option<Vec<Name>>,
    /// What its worker has, for tasks that ask for it (`labels:`)
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = label)]
    pub labels: Vec<(Name, LabelValue)>,
    /// Folder with a file for each secret (`secret://NAME` is in NAME), before the one that the project names
    #[arg(long, value_name = "DIR")]
    pub secrets: Option<PathBuf>,
}

/// How a role that is not the server reaches it.
#[derive(Args)]
pub struct ToServer {
    /// The server, e.g. http://10.0.0.5:4321
    #[arg(long = "server", value_name = "URL", value_parser = url)]
    pub url: String,
    /// A token of the role `worker` (`daybreak token create --role worker`); it shows in the list of processes, which
    /// `DAYBREAK_TOKEN` and --token-file do not
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    pub token: Option<String>,
    /// A file that holds the token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// `worker`
#[derive(Args)]
pub struct Worker {
    #[command(flatten)]
    /// Whose work it does.
    pub to: ToServer,
    /// What people call it [default: the host's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Queues that it takes tasks from
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = queue, default_value = "default")]
    pub queues: Vec<Name>,
    /// What it has, for tasks that ask for it (`labels:`), e.g. gpu=a100,zone=eu
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = label)]
    pub labels: Vec<(Name, LabelValue)>,
    /// Heavy tasks at once [default: half of the cores]
    #[arg(long = "slots", value_name = "N")]
    pub heavy: Option<u32>,
    /// Light tasks at once
    #[arg(long, value_name = "N", default_value_t = crate::parts::LIGHT_SLOTS)]
    pub light: u32,
    /// Builds, models and logs: the server's bucket (s3://bucket/prefix, asked as by `up`), or the folder `.daybreak/artifacts`
    /// of a server on the same machine or a network file system; `DAYBREAK_ARTIFACTS` says the same
    #[arg(long, value_name = "URL or DIR")]
    pub artifacts: Option<String>,
    /// The project's folder on this machine, whose data its tasks read [default: the server's path]
    #[arg(long, value_name = "DIR")]
    pub project_root: Option<PathBuf>,
    /// Folder for what is its own: online features that its tasks publish (a `serve` on this machine reads them there),
    /// reports that wait for the server
    #[arg(long, value_name = "DIR", default_value = "daybreak-worker")]
    pub data_dir: PathBuf,
    /// Folder with a file for each secret (`secret://NAME` is in NAME), before the one that the project names
    #[arg(long, value_name = "DIR")]
    pub secrets: Option<PathBuf>,
    /// How long running tasks may go on after SIGTERM or Ctrl-C; then they are handed back. A second signal ends at once
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub drain: Duration,
}

/// `serve`
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    /// Whose models it serves.
    pub to: ToServer,
    #[command(flatten)]
    /// Where to listen.
    pub listening: Listening,
    /// Models: the server's bucket (s3://bucket/prefix, asked as by `up`), or the folder `.daybreak/artifacts` of a server on
    /// the same machine or a network file system; `DAYBREAK_ARTIFACTS` says the same
    #[arg(long, value_name = "URL or DIR")]
    pub artifacts: Option<String>,
    /// Folder of the online features that it reads and of its own state. Features are a local database: name the --data-dir
    /// of the worker on this machine whose tasks publish them (of `up`: the project's .daybreak folder)
    #[arg(long, value_name = "DIR", default_value = "daybreak-worker")]
    pub data_dir: PathBuf,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address with a port; write e.g. 127.0.0.1:4321"))
}

fn queue(text: &str) -> Result<Name, String> {
    Name::parse(text).ok_or_else(|| format!("`{text}` is not a queue: small letters, digits, `-` and `_`, at most 63"))
}

fn label(text: &str) -> Result<(Name, LabelValue), String> {
    let pair = text.split_once('=').and_then(|(key, value)| Some((Name::parse(key)?, LabelValue::parse(value)?)));
    pair.ok_or_else(|| format!("`{text}` is not a label; write e.g. gpu=a100"))
}

pub(super) fn url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.map(|host| host.trim_end_matches('/')) {
        Some(host) if !host.is_empty() && !host.contains(['/', '@', '?', '#']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(format!("`{text}` is not the address of a server; write e.g. http://10.0.0.5:4321")),
    }
}
