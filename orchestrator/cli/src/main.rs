//! The one binary: reads the command line, sets up logging, dispatches, and turns a failure into an exit status.

use std::process::ExitCode;

use clap::Parser as _;
use daybreak::arguments::{Arguments, Command, Features, RunShow};
use daybreak::commands::{asking, init, project, reading, running, training_set, up};
use daybreak::failure::Outcome;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::TaskShim { .. } => daybreak_runtime::supervise_main(),
        Command::TaskChild => in_runtime(daybreak_runtime::child_main(daybreak_tasks::registry())),
        command => in_runtime(ended(command)),
    }
}

fn in_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            // What still blocks has nothing left to say: a worker waits for the end of this process.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            eprintln!("daybreak: cannot start: {error}");
            ExitCode::from(74)
        }
    }
}

async fn ended(command: Command) -> ExitCode {
    start_logging();
    match dispatch(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("daybreak: {}", failure.message);
            }
            ExitCode::from(failure.status)
        }
    }
}

/// Warnings to standard error; `DAYBREAK_LOG=info` shows more.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_env_var("DAYBREAK_LOG")
        .with_default_directive(tracing_subscriber::filter::LevelFilter::WARN.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

async fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Demo(arguments) => daybreak::demo::demo(&arguments).await,
        Command::Up(arguments) => up::up(&arguments).await,
        Command::Check(arguments) => project::check(&arguments),
        Command::Explain { dag, project } => project::explain(&dag, &project),
        Command::Schema => project::schema(),
        Command::Init { directory } => init::init(&directory),
        Command::Run(arguments) => match &arguments.show {
            Some(RunShow::Show { id, project }) => reading::run(id, project).await,
            None => running::run(&arguments).await,
        },
        Command::Runs { dag, limit, project } => reading::runs(dag.as_deref(), limit, &project).await,
        Command::Logs { run, task, project } => reading::logs(&run, task.as_deref(), &project).await,
        Command::Models { project } => reading::models(&project).await,
        Command::Features { command: Features::Get { view, keys, project } } => {
            asking::features(&view, &keys, &project).await
        }
        Command::Predict { model, values, project } => asking::predict(&model, &values, &project).await,
        Command::TrainingSet(arguments) => training_set::training_set(&arguments).await,
        Command::Token { project } => project::token(&project),
        Command::DemoDepartures { directory, from, to } => training_set::departures(&directory, from, to),
        Command::TaskChild | Command::TaskShim { .. } => Ok(()),
    }
}
