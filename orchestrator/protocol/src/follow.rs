//! Following a stream of server-sent events, as much of its format as our servers write: `event`, `id` and `data` of one
//! line each, comments, a blank line at the end.

use reqwest::Response;

/// An event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamEvent {
    /// What kind of event it is.
    pub event: String,
    /// Where to go on after it.
    pub id: String,
    /// JSON.
    pub data: String,
}

/// A stream that is being read.
pub struct EventStream {
    response: Response,
    bytes: Vec<u8>,
}

impl EventStream {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, bytes: Vec::new() }
    }

    /// The next event; none at the end of the stream.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>, reqwest::Error> {
        loop {
            while let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
                if let Some(event) = parse(&String::from_utf8_lossy(&block)) {
                    return Ok(Some(event));
                }
            }
            match self.response.chunk().await? {
                Some(chunk) => self.bytes.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// `None`: a comment.
fn parse(block: &str) -> Option<StreamEvent> {
    let mut event = StreamEvent::default();
    let mut said = false;
    for line in block.lines() {
        let Some((field, value)) = line.split_once(':') else { continue };
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "event" => event.event = value,
            "id" => event.id = value,
            "data" => {
                event.data.push_str(&value);
                said = true;
            }
            _ => {}
        }
    }
    said.then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_comments_are_none() {
        let event = parse("event: task\nid: a-7\ndata: {\"kind\":\"task\"}\n\n").expect("an event");
        assert_eq!((event.event.as_str(), event.id.as_str()), ("task", "a-7"));
        assert_eq!(event.data, "{\"kind\":\"task\"}");
        assert_eq!(parse(":\n\n"), None);
    }
}
