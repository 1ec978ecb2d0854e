//! Merges the top-level maps of all files into one project. A name stands once; a second definition is a problem that
//! shows both places, and the first one counts.

use std::collections::{BTreeMap, BTreeSet};

use super::{dag, follow, limits, model, schedule, source, view};
use crate::decode::fields::{Fields, fields};
use crate::keys::{FILE, HTTP, PREDICTIONS, SECRETS};
use crate::small_texts::slugified;
use crate::{Decoder, HttpAllow, Name, Node, NodeValue, Predictions, Problem, Project, Secrets, Span, Spanned};

/// The file at the project's root that holds its settings.
pub(crate) const ROOT_FILE: &str = "daybreak.yaml";

/// A log below this would be all of one file.
const LEAST_LOG_BYTES: u64 = 16 << 20;

/// The kinds of named declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeclarationKind {
    /// `sources:`
    Source,
    /// `entities:`
    Entity,
    /// `feature_views:`
    FeatureView,
    /// `models:`
    Model,
    /// `calendars:`
    Calendar,
    /// `limits:`
    Limit,
    /// `alerts:`
    Alert,
    /// `dags:`
    Dag,
}

impl DeclarationKind {
    /// In the user's words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Entity => "entity",
            Self::FeatureView => "feature view",
            Self::Model => "model",
            Self::Calendar => "calendar",
            Self::Limit => "limit",
            Self::Alert => "alert",
            Self::Dag => "DAG",
        }
    }
}

/// What the files name, the declarations that could not be decoded too. Lets later checks tell a name that nobody
/// declared from one whose declaration has problems of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    places: BTreeMap<(DeclarationKind, Name), Span>,
    damaged: BTreeSet<(DeclarationKind, Name)>,
    unreadable_files: bool,
}

impl Declared {
    /// Whether the name is declared, or may be in a file that cannot be read.
    pub fn may_exist(&self, kind: DeclarationKind, name: &Name) -> bool {
        self.unreadable_files || self.places.contains_key(&(kind, name.clone()))
    }

    /// Whether the declaration has problems, so that what it lacks says nothing.
    pub fn is_damaged(&self, kind: DeclarationKind, name: &Name) -> bool {
        self.unreadable_files || self.damaged.contains(&(kind, name.clone()))
    }

    /// The declared names of a kind.
    pub fn names(&self, kind: DeclarationKind) -> impl Iterator<Item = &str> {
        self.places.keys().filter(move |(known, _)| *known == kind).map(|(_, name)| name.as_str())
    }
}

/// Takes the trees of the files one by one.
pub(crate) struct Merger {
    project: Project,
    declared: Declared,
}

impl Merger {
    /// `name` is the project's name unless the root file gives one.
    pub(crate) fn new(name: Name) -> Self {
        let project = Project {
            name: Spanned::unplaced(name),
            data_roots: Vec::new(),
            predictions: Predictions::default(),
            secrets: Secrets::default(),
            http_allow: Vec::new(),
            sources: BTreeMap::new(),
            entities: BTreeMap::new(),
            feature_views: BTreeMap::new(),
            models: BTreeMap::new(),
            calendars: BTreeMap::new(),
            limits: BTreeMap::new(),
            alerts: BTreeMap::new(),
            dags: BTreeMap::new(),
        };
        Self { project, declared: Declared::default() }
    }

    /// A file whose tree is not known.
    pub(crate) fn skip_file(&mut self) {
        self.declared.unreadable_files = true;
    }

    /// Takes a file.
    pub(crate) fn add_file(&mut self, decoder: &mut Decoder<'_>, path: &str, file: u32, root: &Node) {
        let top = Span { file, line: 1, column: 1, length: 1 };
        if !matches!(root.value, NodeValue::Map(_) | NodeValue::Null) {
            let message = format!("`{path}` must hold a map, not {}", root.kind());
            let hint = "begin with a key such as `sources:` or `dags:`";
            return decoder.report(Problem::error("wrong_type", root.span, message).hint(hint));
        }
        let Some(fields) = fields(decoder, root, &FILE, format!("`{path}`"), top) else { return };
        let is_root = path == ROOT_FILE;
        match fields.get("version") {
            Some(node) => version(decoder, node),
            None if is_root => {
                let problem = Problem::error("missing_key", top, format!("`{path}` has no `version`"));
                decoder.report(problem.hint("add `version: 1`"));
            }
            None => {}
        }
        for key in ["name", "data_roots", "predictions", "secrets", "http"] {
            if let (false, Some((key, _))) = (is_root, fields.entry(key)) {
                let message = format!("`{}` is a setting of the whole project", key.value);
                let hint = format!("move it to {ROOT_FILE}");
                decoder.report(Problem::error("misplaced_key", key.span, message).hint(hint));
            }
        }
        if let Some(name) = fields.read(decoder, "name", Decoder::name).filter(|_| is_root) {
            self.project.name = name;
        }
        let roots = fields.read(decoder, "data_roots", |decoder, node, what| {
            let items = decoder.list(node, what, "a list of folders");
            Some(items.iter().filter_map(|item| decoder.text(item, what)).collect::<Vec<_>>())
        });
        if is_root {
            self.project.data_roots = roots.unwrap_or_default();
        }
        self.settings(decoder, &fields, is_root);
        let (project, declared) = (&mut self.project, &mut self.declared);
        let mut take = |kind, key, into: &mut dyn FnMut(&mut Decoder<'_>, &Spanned<Name>, &Node)| {
            if let Some(node) = fields.get(key) {
                let what = format!("`{key}`");
                named(decoder, declared, (kind, &what), node, into);
            }
        };
        take(DeclarationKind::Source, "sources", &mut |decoder, name, node| {
            insert(&mut project.sources, name, source::source(decoder, name, node));
        });
        take(DeclarationKind::Entity, "entities", &mut |decoder, name, node| {
            insert(&mut project.entities, name, source::entity(decoder, name, node));
        });
        take(DeclarationKind::FeatureView, "feature_views", &mut |decoder, name, node| {
            insert(&mut project.feature_views, name, view::view(decoder, name, node));
        });
        take(DeclarationKind::Model, "models", &mut |decoder, name, node| {
            insert(&mut project.models, name, model::model(decoder, name, node));
        });
        take(DeclarationKind::Calendar, "calendars", &mut |decoder, name, node| {
            insert(&mut project.calendars, name, schedule::calendar(decoder, name, node));
        });
        take(DeclarationKind::Limit, "limits", &mut |decoder, name, node| {
            insert(&mut project.limits, name, limits::limit(decoder, name, node));
        });
        take(DeclarationKind::Alert, "alerts", &mut |decoder, name, node| {
            insert(&mut project.alerts, name, follow::alert(decoder, name, node));
        });
        take(DeclarationKind::Dag, "dags", &mut |decoder, name, node| {
            insert(&mut project.dags, name, dag::dag(decoder, name, node));
        });
    }

    /// What is said of the whole project in the root file. Elsewhere it is read for its own mistakes.
    fn settings(&mut self, decoder: &mut Decoder<'_>, fields: &Fields<'_>, is_root: bool) {
        if let Some(read) = fields.read(decoder, "predictions", predictions).filter(|_| is_root) {
            self.project.predictions = read;
        }
        if let Some(read) = fields.read(decoder, "secrets", secrets).filter(|_| is_root) {
            self.project.secrets = read;
        }
        if let Some(read) = fields.read(decoder, "http", http).filter(|_| is_root) {
            self.project.http_allow = read;
        }
    }

    /// What has been read.
    pub(crate) fn finish(self) -> (Project, Declared) {
        (self.project, self.declared)
    }
}

fn insert<T>(into: &mut BTreeMap<Name, T>, name: &Spanned<Name>, found: Option<T>) {
    if let Some(found) = found {
        into.entry(name.value.clone()).or_insert(found);
    }
}

/// Decodes a map of names to declarations. The second declaration of a name is decoded too, for its own mistakes.
fn named(
    decoder: &mut Decoder<'_>,
    declared: &mut Declared,
    (kind, what): (DeclarationKind, &str),
    node: &Node,
    decode: &mut dyn FnMut(&mut Decoder<'_>, &Spanned<Name>, &Node),
) {
    for (key, value) in decoder.entries(node, what, "a map of names") {
        // A declaration with a bad name is read under the nearest good one, for its own mistakes.
        let slug = decoder.slug(key, &format!("the key of a {}", kind.name()));
        let Some(name) = slug.map(|name| name.value).or_else(|| slugified(&key.value)) else { continue };
        let name = Spanned::new(name, key.span);
        let place = (kind, name.value.clone());
        if let Some(first) = declared.places.get(&place) {
            let message = format!("{} `{name}` is defined twice", kind.name(), name = name.value);
            let problem = Problem::error("duplicate_name", key.span, message);
            decoder.report(problem.hint("rename one of them").related(*first, "first defined here"));
            declared.damaged.insert(place.clone());
        }
        let before = decoder.problem_count();
        decode(decoder, &name, value);
        if decoder.problem_count() > before {
            declared.damaged.insert(place.clone());
        }
        declared.places.entry(place).or_insert(key.span);
    }
}

fn predictions(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Predictions> {
    let inner = fields(decoder, node, &PREDICTIONS, what.to_owned(), node.span)?;
    let default = Predictions::default();
    let keep = inner.read(decoder, "keep", Decoder::duration).map_or(default.keep, |keep| keep.value);
    let size = inner.read(decoder, "max_size", Decoder::size);
    if let Some(size) = size.as_ref().filter(|size| size.value < LEAST_LOG_BYTES) {
        let message = format!("`max_size` of {what} must be at least 16MiB");
        decoder.report(Problem::error("out_of_range", size.span, message).hint("write e.g. `10GiB`"));
    }
    Some(Predictions { keep, max_size_bytes: size.map_or(default.max_size_bytes, |size| size.value) })
}

fn secrets(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Secrets> {
    let inner = fields(decoder, node, &SECRETS, what.to_owned(), node.span)?;
    Some(Secrets { folder: inner.read(decoder, "folder", Decoder::text) })
}

fn http(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<Spanned<HttpAllow>>> {
    let inner = fields(decoder, node, &HTTP, what.to_owned(), node.span)?;
    inner.read(decoder, "allow", |decoder, node, what| {
        let mut allowed = Vec::new();
        for item in decoder.one_or_many(node, what) {
            let Some(text) = decoder.text(item, what) else { continue };
            match HttpAllow::parse(&text) {
                Some(allow) => allowed.push(Spanned::new(allow, text.span)),
                None => {
                    let shown = crate::small_texts::shortened(&text);
                    let message = format!("{what} must be addresses or networks, and `{shown}` is none");
                    let hint = "write an IP address with or without a port, or a network, e.g. `127.0.0.1:8080` or \
                                `10.0.0.0/8`; a name is not enough, for what it stands for changes";
                    decoder.report(Problem::error("bad_address", text.span, message).hint(hint));
                }
            }
        }
        Some(allowed)
    })
}

pub(super) fn version(decoder: &mut Decoder<'_>, node: &Node) {
    if node.value == NodeValue::Int(1) {
        return;
    }
    let found = match &node.value {
        NodeValue::Int(number) => format!("{number}"),
        NodeValue::Text(text) => format!("the text `{}`", crate::small_texts::shortened(text)),
        _ => node.kind().to_owned(),
    };
    let message = format!("`version` must be 1, not {found}");
    decoder.report(Problem::error("unknown_version", node.span, message).hint("this program reads version 1"));
}
