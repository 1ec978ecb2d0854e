//! One YAML text to a tree that keeps positions, within budgets. Refuses what a declaration never needs and an attacker
//! does: alias bombs, deep nesting, tags, merge keys, several documents, directives. A new rule = an arm where the
//! event is met and a fixture; what the values mean is the decoder's business.

use std::collections::HashMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::{Node, NodeValue, Problem, Span, Spanned, source_files, yaml_scalar, yaml_syntax};

/// Largest file in bytes.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
pub(crate) const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 100_000;
const MAX_ALIASES: usize = 100;

/// Reads a text. Without a node, the problems say why nothing can be read; an empty text gives `Null`.
pub(crate) fn parse(file: u32, text: &str) -> (Option<Node>, Vec<Problem>) {
    let mut reader = Reader::new(file, text);
    let Some(body) = reader.open(text) else { return (None, reader.problems) };
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut parser = Parser::new_from_str_with_options(body, options);
    while let Some(step) = parser.next_event() {
        let sound = match step {
            Ok((event, span)) => reader.take(event, &span),
            Err(error) => {
                let problem = yaml_syntax::problem(&error, file, &reader.lines);
                reader.problems.push(problem);
                Err(Stop)
            }
        };
        match sound {
            Ok(Next::Event) => {}
            Ok(Next::End) => break,
            Err(Stop) => return (None, reader.problems),
        }
    }
    let root = reader.root.take().unwrap_or(Node { span: place(file, 1, 1, 1), value: NodeValue::Null });
    (Some(root), reader.problems)
}

/// A budget or the syntax is broken; the problem is noted.
struct Stop;

enum Next {
    Event,
    End,
}

/// A finished node with its size and height, which anchors need.
#[derive(Clone)]
struct Built {
    node: Node,
    nodes: usize,
    height: usize,
}

enum Frame {
    List { span: Span, anchor: usize, items: Vec<Node>, nodes: usize, height: usize },
    Map(MapFrame),
}

struct MapFrame {
    span: Span,
    anchor: usize,
    entries: Vec<(Spanned<String>, Node)>,
    /// Where each key stood first.
    places: HashMap<String, Span>,
    key: Key,
    nodes: usize,
    height: usize,
}

/// What a map expects next.
enum Key {
    Awaited,
    Known(Spanned<String>),
    /// The key was refused; its value is read and dropped.
    Refused,
}

struct Reader<'t> {
    file: u32,
    lines: Vec<&'t str>,
    frames: Vec<Frame>,
    anchors: HashMap<usize, Built>,
    root: Option<Node>,
    problems: Vec<Problem>,
    documents: usize,
    nodes: usize,
    aliases: usize,
}

impl<'t> Reader<'t> {
    fn new(file: u32, text: &'t str) -> Self {
        Self {
            file,
            lines: source_files::lines(text).collect(),
            frames: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            problems: Vec::new(),
            documents: 0,
            nodes: 0,
            aliases: 0,
        }
    }

    /// Checks what has to hold before the first event. A byte order mark is noted and read over.
    fn open(&mut self, text: &'t str) -> Option<&'t str> {
        let Some(body) = text.strip_prefix('\u{feff}') else { return Some(text) };
        let problem = Problem::error("yaml_encoding", self.at(1, 1, 1), "the file starts with a byte order mark");
        self.problems.push(problem.hint("save it as UTF-8 without a byte order mark"));
        self.lines = source_files::lines(body).collect();
        Some(body)
    }

    fn take(&mut self, event: Event<'_>, span: &granit_parser::Span) -> Result<Next, Stop> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let problem = Problem::error(
                        "yaml_several_documents",
                        self.span(span.start, span.start),
                        "a second document starts here",
                    );
                    self.problems.push(problem.hint("put it into a file of its own and drop the `---`"));
                    return Ok(Next::End);
                }
            }
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::UnresolvedAlias(name) => self.unknown_alias(&name, span)?,
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.scalar(&text, style, anchor, span)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.enter(span)?;
                let span = self.span(span.start, span.start);
                self.frames.push(Frame::List { span, anchor, items: Vec::new(), nodes: 1, height: 1 });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.enter(span)?;
                let span = self.span(span.start, span.start);
                let (entries, places) = (Vec::new(), HashMap::new());
                let frame = MapFrame { span, anchor, entries, places, key: Key::Awaited, nodes: 1, height: 1 };
                self.frames.push(Frame::Map(frame));
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            _ => {}
        }
        Ok(Next::Event)
    }

    fn enter(&mut self, span: &granit_parser::Span) -> Result<(), Stop> {
        if self.frames.len() >= MAX_DEPTH {
            return self.over_budget(span, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.count(1, span)
    }

    fn count(&mut self, nodes: usize, span: &granit_parser::Span) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return self.over_budget(span, format!("more than {MAX_NODES} values in one file"));
        }
        Ok(())
    }

    fn over_budget<T>(&mut self, span: &granit_parser::Span, message: String) -> Result<T, Stop> {
        let problem = Problem::error("yaml_budget", self.span(span.start, span.start), message);
        self.problems.push(problem.hint("split the file; every `*.yaml` of the project is read and merged"));
        Err(Stop)
    }

    fn leave(&mut self) {
        let built = match self.frames.pop() {
            Some(Frame::List { span, anchor, items, nodes, height }) => {
                (anchor, Built { node: Node { span, value: NodeValue::List(items) }, nodes, height })
            }
            Some(Frame::Map(map)) => {
                let node = Node { span: map.span, value: NodeValue::Map(map.entries) };
                (map.anchor, Built { node, nodes: map.nodes, height: map.height })
            }
            None => return,
        };
        let (anchor, built) = built;
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        self.add(built);
    }

    /// Hands a finished node to the list, map or document it stands in.
    fn add(&mut self, built: Built) {
        let Built { node, nodes: inner, height: below } = built;
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return;
        };
        match frame {
            Frame::List { items, nodes, height, .. } => {
                items.push(node);
                *nodes += inner;
                *height = (*height).max(below + 1);
            }
            Frame::Map(map) => {
                map.nodes += inner;
                map.height = map.height.max(below + 1);
                match std::mem::replace(&mut map.key, Key::Awaited) {
                    Key::Awaited => {
                        map.key = Key::Refused;
                        let problem = Problem::error("yaml_key", node.span, format!("{} cannot be a key", node.kind()));
                        self.problems.push(problem.hint("keys are plain text"));
                    }
                    Key::Known(name) => map.entries.push((name, node)),
                    Key::Refused => {}
                }
            }
        }
    }

    fn alias(&mut self, anchor: usize, span: &granit_parser::Span) -> Result<(), Stop> {
        self.aliases += 1;
        if self.aliases > MAX_ALIASES {
            return self.over_budget(span, format!("more than {MAX_ALIASES} aliases in one file"));
        }
        let Some(built) = self.anchors.get(&anchor) else {
            let place = self.span(span.start, span.end);
            let problem = Problem::error("yaml_alias", place, "the alias stands inside the value it names");
            self.problems.push(problem.hint("a value cannot contain itself"));
            return Err(Stop);
        };
        let built = built.clone();
        if self.frames.len() + built.height > MAX_DEPTH {
            return self.over_budget(span, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.count(built.nodes, span)?;
        match (&built.node.value, self.awaits_key()) {
            (NodeValue::Text(text), true) => {
                let text = text.clone();
                let place = self.span(span.start, span.end);
                self.key(text, place, ScalarStyle::SingleQuoted);
            }
            _ => self.add(built),
        }
        Ok(())
    }

    /// The user most likely wrote text that starts with `*`; it is kept as text so that nothing follows from it.
    fn unknown_alias(&mut self, name: &str, span: &granit_parser::Span) -> Result<(), Stop> {
        self.count(1, span)?;
        let place = self.span(span.start, span.end);
        let message = format!("`*{name}` names an anchor that is not defined above");
        let hint = format!("text that starts with `*` needs quotes: \"*{name}\"");
        self.problems.push(Problem::error("yaml_alias", place, message).hint(hint));
        let text = format!("*{name}");
        if self.awaits_key() {
            self.key(text, place, ScalarStyle::SingleQuoted);
        } else {
            self.add(Built { node: Node { span: place, value: NodeValue::Text(text) }, nodes: 1, height: 0 });
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        span: &granit_parser::Span,
    ) -> Result<(), Stop> {
        self.count(1, span)?;
        let absent = style == ScalarStyle::Plain && span.start.index() == span.end.index();
        let place = self.scalar_place(text, style, span);
        if self.awaits_key() {
            if absent {
                self.problems.push(Problem::error("yaml_key", place, "a key is missing before this `:`"));
                self.set_key(Key::Refused);
            } else {
                if anchor != 0 {
                    let node = Node { span: place, value: NodeValue::Text(text.to_owned()) };
                    self.anchors.insert(anchor, Built { node, nodes: 1, height: 0 });
                }
                self.key(text.to_owned(), place, style);
            }
            return Ok(());
        }
        let value = match style {
            ScalarStyle::Plain if absent => NodeValue::Null,
            ScalarStyle::Plain => yaml_scalar::resolve(text).unwrap_or_else(|why| {
                let shown: String = text.chars().take(40).collect();
                self.problems.push(Problem::error("number_out_of_range", place, format!("`{shown}` {why}")));
                NodeValue::Float(0.0)
            }),
            _ => NodeValue::Text(text.to_owned()),
        };
        // A value that is not there is shown at its key.
        let span = self.known_key().filter(|_| absent).unwrap_or(place);
        let built = Built { node: Node { span, value }, nodes: 1, height: 0 };
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        self.add(built);
        Ok(())
    }

    /// Takes a key: refuses merge keys and keys that stand twice.
    fn key(&mut self, text: String, span: Span, style: ScalarStyle) {
        if text == "<<" && style == ScalarStyle::Plain {
            let problem = Problem::error("yaml_merge_key", span, "merge keys (`<<`) are not part of the language");
            self.problems.push(problem.hint("write the keys out, or use an alias for one whole value"));
            return self.set_key(Key::Refused);
        }
        let Some(Frame::Map(map)) = self.frames.last_mut() else { return };
        if let Some(first) = map.places.get(&text) {
            let problem = Problem::error("duplicate_key", span, format!("the key `{text}` stands twice in this map"));
            self.problems.push(problem.related(*first, "first here"));
            map.key = Key::Refused;
            return;
        }
        map.places.insert(text.clone(), span);
        map.key = Key::Known(Spanned::new(text, span));
    }

    fn set_key(&mut self, next: Key) {
        if let Some(Frame::Map(map)) = self.frames.last_mut() {
            map.key = next;
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame::Map(map)) if matches!(map.key, Key::Awaited))
    }

    /// The key whose value is awaited.
    fn known_key(&self) -> Option<Span> {
        match self.frames.last() {
            Some(Frame::Map(map)) => match &map.key {
                Key::Known(key) => Some(key.span),
                Key::Awaited | Key::Refused => None,
            },
            _ => None,
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: &granit_parser::Span) {
        let Some(tag) = tag else { return };
        let place = match span.tag_span() {
            Some(written) => self.span(written.start, written.end),
            None => self.span(span.start, span.start),
        };
        let message = format!("the tag `{}` is not part of the language", tag.original());
        let hint = "leave it out; quote a value to make it text";
        self.problems.push(Problem::error("yaml_tag", place, message).hint(hint));
    }

    /// Where a scalar's text stands; quotes apart, so that positions inside the text can be added to it.
    fn scalar_place(&self, text: &str, style: ScalarStyle, span: &granit_parser::Span) -> Span {
        let whole = self.span(span.start, span.end);
        match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted if !text.is_empty() => {
                let closed = span.start.line() == span.end.line();
                let length = whole.length.saturating_sub(if closed { 2 } else { 1 }).max(1);
                Span { column: whole.column + 1, length, ..whole }
            }
            ScalarStyle::Literal | ScalarStyle::Folded => Span { length: 1, ..whole },
            _ => whole,
        }
    }

    /// A stretch of the first line between two markers.
    fn span(&self, start: Marker, end: Marker) -> Span {
        let line = self.lines.get(start.line().saturating_sub(1)).copied().unwrap_or("");
        let written = line.trim_end().chars().count();
        let length = match end.line() == start.line() {
            true => end.col().saturating_sub(start.col()),
            false => written.saturating_sub(start.col()),
        };
        self.at(start.line(), start.col() + 1, length)
    }

    fn at(&self, line: usize, column: usize, length: usize) -> Span {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        place(self.file, number(line.max(1)), number(column.max(1)), number(length.max(1)))
    }
}

fn place(file: u32, line: u32, column: u32, length: u32) -> Span {
    Span { file, line, column, length }
}
