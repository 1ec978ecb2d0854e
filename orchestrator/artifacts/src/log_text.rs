//! Makes the output of any program fit for people: valid UTF-8, `\n` line ends, no terminal control but colours (`ESC [ … m`),
//! lines of bounded length. Streams: the state carried between chunks is a few bytes, whatever comes in.

/// A line longer than this is broken.
pub(crate) const LINE_CAP_BYTES: usize = 64 << 10;

/// The longest sequence that is taken for a colour: all attributes and two true colours fit.
pub(crate) const MAX_COLOUR_BYTES: usize = 48;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    /// After ESC.
    Start,
    /// In `ESC [ … final byte` (colours, cursor).
    Control,
    /// In `ESC ] … BEL` or `ESC ] … ESC \` (titles, links).
    Command,
}

/// Turns chunks of bytes into text.
#[derive(Debug, Default)]
pub(crate) struct LogText {
    escape: Escape,
    /// The last byte was `\r`, which has been written as `\n`.
    after_return: bool,
    /// The beginning of a character that the next chunk may complete.
    partial: Vec<u8>,
    /// What stands in an open `ESC [` so far, at most one byte more than a colour may have.
    parameters: Vec<u8>,
    line_bytes: usize,
}

impl LogText {
    /// Appends the cleaned form of `bytes` to `out`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], out: &mut String) {
        while let Some(&first) = bytes.first() {
            let plain = if self.partial.is_empty() && self.escape == Escape::None { plain_prefix(bytes) } else { 0 };
            if plain > 0 {
                let text = std::str::from_utf8(&bytes[..plain]).expect("printable ASCII");
                self.text(text, out);
                bytes = &bytes[plain..];
                continue;
            }
            if self.partial.is_empty() && first < 0x80 {
                self.ascii(first, out);
            } else if self.escape == Escape::None {
                self.other(first, out);
            }
            bytes = &bytes[1..];
        }
    }

    /// Ends the output: an incomplete character becomes U+FFFD.
    pub(crate) fn finish(&mut self, out: &mut String) {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.text("\u{fffd}", out);
        }
    }

    fn ascii(&mut self, byte: u8, out: &mut String) {
        let after_return = std::mem::take(&mut self.after_return);
        self.escape = match (self.escape, byte) {
            (Escape::None, 0x1b) => Escape::Start,
            (Escape::None, _) => {
                match byte {
                    b'\n' if after_return => {}
                    b'\n' | b'\r' => self.end_line(out),
                    0x00..=0x1f | 0x7f => self.text("\u{fffd}", out),
                    _ => self.text(char::from(byte).encode_utf8(&mut [0; 4]), out),
                }
                self.after_return = byte == b'\r';
                Escape::None
            }
            (Escape::Start, b'[') => {
                self.parameters.clear();
                Escape::Control
            }
            (Escape::Start, b']') => Escape::Command,
            (Escape::Command, 0x1b) => Escape::Start,
            // A line's end also ends a sequence that was never closed.
            (_, b'\n' | b'\r') => {
                self.end_line(out);
                Escape::None
            }
            (Escape::Control, b'm') => {
                self.colour(out);
                Escape::None
            }
            (Escape::Start, _) | (Escape::Control, 0x40..=0x7e) | (Escape::Command, 0x07) => Escape::None,
            (Escape::Control, _) => {
                if self.parameters.len() <= MAX_COLOUR_BYTES {
                    self.parameters.push(byte);
                }
                Escape::Control
            }
            (escape, _) => escape,
        };
    }

    /// One byte of a character beyond ASCII, or what turns out not to be one.
    fn other(&mut self, byte: u8, out: &mut String) {
        self.after_return = false;
        self.partial.push(byte);
        match std::str::from_utf8(&self.partial) {
            Ok(text) => {
                // C1 controls (U+0080 to U+009F) drive terminals as ESC sequences do.
                let control = text.chars().all(char::is_control);
                let text = if control { "\u{fffd}".to_owned() } else { text.to_owned() };
                self.partial.clear();
                self.text(&text, out);
            }
            Err(error) if error.error_len().is_none() => {}
            Err(error) => {
                let bad = error.error_len().unwrap_or(1);
                let rest = self.partial.split_off(bad);
                self.partial.clear();
                self.text("\u{fffd}", out);
                self.push(&rest, out);
            }
        }
    }

    fn text(&mut self, text: &str, out: &mut String) {
        self.after_return = false;
        let mut rest = text;
        while self.line_bytes + rest.len() > LINE_CAP_BYTES {
            let mut cut = LINE_CAP_BYTES.saturating_sub(self.line_bytes);
            while !rest.is_char_boundary(cut) {
                cut -= 1;
            }
            out.push_str(&rest[..cut]);
            self.end_line(out);
            rest = &rest[cut..];
        }
        out.push_str(rest);
        self.line_bytes += rest.len();
    }

    /// Passes a colour on, whole or not at all.
    fn colour(&mut self, out: &mut String) {
        let plain = self.parameters.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'));
        if !plain || self.parameters.len() > MAX_COLOUR_BYTES {
            return;
        }
        let sequence = format!("\x1b[{}m", String::from_utf8_lossy(&self.parameters));
        if self.line_bytes + sequence.len() > LINE_CAP_BYTES {
            self.end_line(out);
        }
        self.text(&sequence, out);
    }

    fn end_line(&mut self, out: &mut String) {
        out.push('\n');
        self.line_bytes = 0;
    }
}

/// The text of a log without its colours.
pub fn uncoloured(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // A log that was cut may end within a colour.
        out.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    out
}

/// How many bytes from the start are printable ASCII or tabs.
fn plain_prefix(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !matches!(byte, b'\t' | 0x20..=0x7e)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(chunks: &[&[u8]]) -> String {
        let (mut text, mut out) = (LogText::default(), String::new());
        for chunk in chunks {
            text.push(chunk, &mut out);
        }
        text.finish(&mut out);
        out
    }

    #[test]
    fn every_kind_of_line_end_becomes_one_newline() {
        assert_eq!(cleaned(&[b"a\nb\r\nc\rd\r", b"\ne\n\n"]), "a\nb\nc\nd\ne\n\n");
    }

    #[test]
    fn invalid_utf8_is_replaced_and_split_characters_are_joined() {
        assert_eq!(cleaned(&[b"a\xffb\xc3", b"\xa9c\xe2\x82", b"d\xf0\x9f"]), "a\u{fffd}béc\u{fffd}d\u{fffd}");
    }

    #[test]
    fn titles_cursors_and_control_bytes_do_not_reach_a_terminal() {
        assert_eq!(cleaned(&[b"\x1b[2Ja\x1b[3;4H \x1b]0;title\x07x\x1b]8;;u\x1b\\y\x00\x08\xc2\x9bz"]), {
            "a xy\u{fffd}\u{fffd}\u{fffd}z"
        });
        assert_eq!(cleaned(&[b"\x1b]never closed\nnext"]), "\nnext");
    }

    #[test]
    fn colours_stay_and_what_only_ends_like_one_does_not() {
        assert_eq!(
            cleaned(&[b"\x1b[1;31mred\x1b[0m\x1b[m", b"\x1b[38;5", b";8mx"]),
            "\x1b[1;31mred\x1b[0m\x1b[m\x1b[38;5;8mx"
        );
        assert_eq!(cleaned(&[b"\x1b[?25m\x1b[>4;2m\x1b[31"]), "");
        let long = [b"\x1b[".as_slice(), &[b'1'; 500], b"mx"].concat();
        assert_eq!(cleaned(&[&long]), "x");
    }

    #[test]
    fn an_endless_line_is_broken() {
        let (mut text, mut out) = (LogText::default(), String::new());
        for _ in 0..1000 {
            text.push(&[b'x'; 1000], &mut out);
        }
        assert!(out.lines().all(|line| line.len() <= LINE_CAP_BYTES));
        assert_eq!(out.bytes().filter(|byte| *byte == b'x').count(), 1_000_000);
    }

    proptest! {
        #[test]
        fn where_the_chunks_are_cut_does_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(cleaned(&[first, second]), cleaned(&[&bytes]));
        }

        #[test]
        fn nothing_but_newlines_tabs_and_colours_controls(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let out = cleaned(&[&bytes]);
            for colour in out.split("\x1b[").skip(1) {
                let (parameters, _) = colour.split_once('m').expect("a colour is whole");
                prop_assert!(parameters.chars().all(|char| char.is_ascii_digit() || ";:".contains(char)));
            }
            let out = uncoloured(&out);
            prop_assert!(out.chars().all(|char| !char.is_control() || char == '\n' || char == '\t'));
        }
    }
}
