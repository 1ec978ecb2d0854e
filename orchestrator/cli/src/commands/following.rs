//! `daybreak logs --follow`: a task's log as it is written. A connection that breaks is made again, and the log goes on where
//! it was.

use std::io::Write as _;
use std::time::Duration;

use daybreak_protocol::{Client, LogEnd, LogPiece, StreamEvent};

use crate::arguments::Project;
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Times in a row that a server may not answer before the command gives up, and the pause before each.
const PATIENCE: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Prints until the task has ended.
pub async fn logs(run: &str, task: &str, project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let followed = follow(&connection.client, (run, task), project).await;
    connection.close().await;
    followed
}

async fn follow(client: &Client, (run, task): (&str, &str), project: &Project) -> Outcome {
    let (mut last, mut attempt, mut tries) = (None, 0, 0);
    loop {
        match client.follow_log(run, task, last.as_deref()).await {
            Ok(mut stream) => {
                while let Ok(Some(event)) = stream.next().await {
                    tries = 0;
                    if !show(&event, &mut attempt, project)? {
                        return Ok(());
                    }
                    last = Some(event.id);
                }
            }
            Err(daybreak_protocol::Error::Unavailable { .. }) if tries < PATIENCE => {}
            Err(error) => return Err(error.into()),
        }
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Prints an event. `false`: it was the last one.
fn show(event: &StreamEvent, attempt: &mut u32, project: &Project) -> Outcome<bool> {
    let unreadable = |error: serde_json::Error| Failure::input_output("cannot read what the server sends", error);
    let mut out = std::io::stdout().lock();
    let goes_on = event.event != "end";
    let written = if project.json {
        writeln!(out, "{}", event.data)
    } else if goes_on {
        let piece: LogPiece = serde_json::from_str(&event.data).map_err(unreadable)?;
        let begins = std::mem::replace(attempt, piece.attempt) != piece.attempt;
        let heading = if begins { format!("-- attempt {}\n", piece.attempt) } else { String::new() };
        write!(out, "{heading}{}", output::of_log(&piece.text))
    } else {
        let end: LogEnd = serde_json::from_str(&event.data).map_err(unreadable)?;
        writeln!(out, "-- {}", end.state)
    };
    written.and_then(|()| out.flush()).map_err(|error| output::unwritten(&error))?;
    Ok(goes_on)
}
