//! `daybreak token`: the project's own token, and tokens with a role. To add a command: a function here, a variant in
//! `arguments/tokens.rs`.

use daybreak_protocol::{Client, TokenMade, TokenRequest, TokenView, TokensQuery};

use super::reading::print;
use crate::arguments::{Project, Token, TokenCommand, TokenCreate};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::machine::real_now;
use crate::output;
use crate::parts::whole_document;
use crate::table;

/// `daybreak token`
pub async fn token(arguments: &Token) -> Outcome {
    match &arguments.command {
        None => own(&arguments.project),
        Some(TokenCommand::Create(create)) => self::create(create).await,
        Some(TokenCommand::List { project }) => list(project).await,
        Some(TokenCommand::Revoke { id, project }) => revoke(id, project).await,
    }
}

/// `daybreak openapi`
pub fn openapi() -> Outcome {
    let document = serde_json::to_string_pretty(&whole_document())
        .map_err(|error| Failure::input_output("cannot encode", error))?;
    output::line(document)
}

fn own(project: &Project) -> Outcome {
    let token = Home::of(&project.directory)?.token()?;
    if project.json { output::line(serde_json::json!({ "token": token })) } else { output::line(token) }
}

async fn create(arguments: &TokenCreate) -> Outcome {
    let request =
        TokenRequest { name: arguments.name.clone(), role: arguments.role, expires_in: arguments.expires.clone() };
    let connection = Connection::open(&arguments.project.directory).await?;
    let made = connection.client.create_token(&request).await;
    connection.close().await;
    let made = made?;
    if !arguments.project.json {
        let TokenView { id, name, role, expires_at, .. } = &made.view;
        output::aside(format_args!(
            "`{name}` ({id}) is {} until {expires_at}; the token is shown this once:",
            role.as_str()
        ));
    }
    print(&made, &arguments.project, |TokenMade { token, .. }| format!("{token}\n"))
}

async fn list(project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let tokens = all(&connection.client).await;
    connection.close().await;
    print(&tokens?, project, |tokens| {
        let header = ["id", "name", "role", "state", "last used", "made by"];
        table::render(&header, &tokens.iter().map(cells).collect::<Vec<_>>())
    })
}

/// Pages through all tokens.
async fn all(client: &Client) -> Outcome<Vec<TokenView>> {
    let (mut tokens, mut before) = (Vec::new(), None);
    loop {
        let page = client.tokens(&TokensQuery { before, limit: Some(500) }).await?;
        tokens.extend(page.tokens);
        before = page.next;
        if before.is_none() {
            return Ok(tokens);
        }
    }
}

fn cells(token: &TokenView) -> Vec<String> {
    let state = match (token.revoked_at, &token.revoked_by) {
        (Some(at), Some(by)) => format!("taken back by {by} at {at}"),
        _ if token.expires_at <= real_now() => format!("expired at {}", token.expires_at),
        _ => format!("good until {}", token.expires_at),
    };
    vec![
        token.id.clone(),
        token.name.to_string(),
        token.role.as_str().to_owned(),
        state,
        token.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
        token.created_by.clone(),
    ]
}

async fn revoke(id: &str, project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let revoked = connection.client.revoke_token(id).await;
    connection.close().await;
    print(&revoked?, project, |token| format!("`{}` ({}) is not good any more\n", token.name, token.id))
}
