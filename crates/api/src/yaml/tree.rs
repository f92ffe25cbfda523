//! The tree of a document: every node with its place.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::path::{push_index, push_key};
use super::scalar::{self, Meaning};
use super::split::Chunk;

/// Deeper nesting than any manifest has.
const MAX_DEPTH: usize = 100;
/// What aliases of one document may expand to: nodes and bytes of text, about as in memory.
const MAX_EXPANSION: usize = 8 * 1024 * 1024;
/// What a node weighs beside its text.
const NODE_WEIGHT: usize = 64;

/// A place in a file; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub line: u32,
    pub column: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub mark: Mark,
    pub value: Value,
}

/// Lists and maps are shared, so that aliases cost nothing here. Scalars that are not text keep how
/// they were written, for complaints.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool, Arc<str>),
    Int(i128, Arc<str>),
    Float(f64, Arc<str>),
    Text(Arc<str>),
    List(Arc<[Node]>),
    Map(Arc<[Entry]>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: Arc<str>,
    pub mark: Mark,
    pub node: Node,
}

impl Node {
    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| &*e.key == key).map(|e| &e.node),
            _ => None,
        }
    }

    /// The text of a scalar that is text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A mistake in the text itself.
#[derive(Debug)]
pub(crate) struct Problem {
    pub mark: Mark,
    pub path: String,
    pub message: String,
    pub advice: String,
}

/// What was read of one document.
#[derive(Debug)]
pub(crate) struct Document {
    /// Absent if the document is empty or could not be read to its end.
    pub root: Option<Node>,
    pub problems: Vec<Problem>,
}

/// Shares equal strings among all documents of a file: keys repeat a lot.
#[derive(Default)]
pub(crate) struct Interner(HashSet<Arc<str>>);

impl Interner {
    fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > 64 {
            return text.into();
        }
        if let Some(shared) = self.0.get(text) {
            return shared.clone();
        }
        let shared: Arc<str> = text.into();
        self.0.insert(shared.clone());
        shared
    }
}

/// Reads the documents of a part of a file; usually one.
pub(crate) fn read(chunk: &Chunk<'_>, interner: &mut Interner) -> Vec<Document> {
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    let mut documents = Vec::new();
    let mut builder = Builder::new(chunk.lines_before, interner);
    for item in Parser::new_from_str_with_options(chunk.text, options) {
        let fatal = match item {
            Ok((Event::DocumentEnd, _)) => {
                documents.push(builder.finish());
                continue;
            }
            Ok((event, span)) => builder.event(event, span).err(),
            Err(error) => {
                let mark = builder.mark_at(error.marker().line(), error.marker().col());
                Some(builder.problem(mark, error.info().to_string(), String::new()))
            }
        };
        if let Some(problem) = fatal {
            builder.abandon(problem);
            documents.push(builder.finish());
            break;
        }
    }
    documents
}

/// A collection that is not complete yet.
struct Frame {
    mark: Mark,
    anchor: usize,
    weight: usize,
    collection: Collection,
}

enum Collection {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, names: HashSet<Arc<str>>, pending: Option<Pending>, merged: Vec<Node> },
}

/// A key whose value is still to come.
struct Pending {
    key: Arc<str>,
    mark: Mark,
    merge: bool,
    /// A key seen before; its value is dropped.
    duplicate: bool,
}

struct Builder<'i> {
    lines_before: usize,
    interner: &'i mut Interner,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    expanded: usize,
    problems: Vec<Problem>,
}

impl<'i> Builder<'i> {
    fn new(lines_before: usize, interner: &'i mut Interner) -> Self {
        Builder {
            lines_before,
            interner,
            stack: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            expanded: 0,
            problems: Vec::new(),
        }
    }

    fn finish(&mut self) -> Document {
        self.stack.clear();
        self.anchors.clear();
        self.expanded = 0;
        Document { root: self.root.take(), problems: std::mem::take(&mut self.problems) }
    }

    /// Nothing of the document can be used.
    fn abandon(&mut self, problem: Problem) {
        self.problems.push(problem);
        self.root = None;
    }

    fn mark_at(&self, line: usize, column_from_zero: usize) -> Mark {
        let fit = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Mark { line: fit(line + self.lines_before), column: fit(column_from_zero + 1) }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let mark = self.mark_at(span.start.line(), span.start.col());
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(mark, text, style, anchor, tag.as_deref()),
            Event::SequenceStart(_, anchor, _) => self.open(mark, anchor, Collection::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let (entries, names, merged) = (Vec::new(), HashSet::new(), Vec::new());
                self.open(mark, anchor, Collection::Map { entries, names, pending: None, merged })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(mark, anchor),
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        mark: Mark,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), Problem> {
        let as_text = match tag.and_then(|tag| tag.core_suffix()) {
            Some(kind) => kind == "str",
            // A tag of somebody's own says nothing here; the scalar is taken as it stands.
            None => style != ScalarStyle::Plain || tag.is_some(),
        };
        if self.wants_key() {
            let written = if as_text { None } else { scalar::key(&text) };
            let key = self.interner.share(written.as_deref().unwrap_or(&text));
            if anchor != 0 {
                let node = Node { mark, value: Value::Text(key.clone()) };
                self.anchors.insert(anchor, (node, NODE_WEIGHT + text.len()));
            }
            return self.key(key, mark, !as_text && text == "<<");
        }
        let meaning = if as_text { Meaning::Text } else { scalar::meaning(&text) };
        let shared = self.interner.share(&text);
        let value = match meaning {
            Meaning::Null => Value::Null,
            Meaning::Bool(value) => Value::Bool(value, shared),
            Meaning::Int(number) => Value::Int(number, shared),
            Meaning::Float(number) => Value::Float(number, shared),
            Meaning::Text => Value::Text(shared),
        };
        self.add(Node { mark, value }, anchor, NODE_WEIGHT + text.len())
    }

    fn wants_key(&self) -> bool {
        let collection = self.stack.last().map(|frame| &frame.collection);
        matches!(collection, Some(Collection::Map { pending: None, .. }))
    }

    fn key(&mut self, key: Arc<str>, mark: Mark, merge: bool) -> Result<(), Problem> {
        let Some(Frame { collection: Collection::Map { names, pending, .. }, weight, .. }) =
            self.stack.last_mut()
        else {
            return Ok(());
        };
        *weight += key.len();
        let duplicate = !merge && !names.insert(key.clone());
        *pending = Some(Pending { key: key.clone(), mark, merge, duplicate });
        if duplicate {
            let advice = "keep one of the two".to_string();
            let problem = self.problem(mark, format!("'{key}' is written twice in the same place"), advice);
            self.problems.push(problem);
        }
        Ok(())
    }

    fn open(&mut self, mark: Mark, anchor: usize, collection: Collection) -> Result<(), Problem> {
        if self.wants_key() {
            return Err(self.problem(mark, "a key must be a word, not a list or map".into(), String::new()));
        }
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} levels inside each other");
            return Err(self.problem(mark, message, String::new()));
        }
        self.stack.push(Frame { mark, anchor, weight: NODE_WEIGHT, collection });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.collection {
            Collection::List(items) => Value::List(items.into()),
            Collection::Map { mut entries, mut names, merged, .. } => {
                for node in merged {
                    self.merge(&mut entries, &mut names, &node)?;
                }
                Value::Map(entries.into())
            }
        };
        self.add(Node { mark: frame.mark, value }, frame.anchor, frame.weight)
    }

    /// The merge key `<<`: entries of other maps, where the map itself has none of that name.
    fn merge(
        &self,
        entries: &mut Vec<Entry>,
        names: &mut HashSet<Arc<str>>,
        node: &Node,
    ) -> Result<(), Problem> {
        match &node.value {
            Value::Map(others) => {
                for other in others.iter() {
                    if names.insert(other.key.clone()) {
                        entries.push(other.clone());
                    }
                }
                Ok(())
            }
            Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => {
                items.iter().try_for_each(|item| self.merge(entries, names, item))
            }
            _ => {
                let advice = "refer to a map, as in '<<: *name'".to_string();
                Err(self.problem(node.mark, "'<<' merges maps, and this is none".into(), advice))
            }
        }
    }

    fn alias(&mut self, mark: Mark, anchor: usize) -> Result<(), Problem> {
        let Some((node, weight)) = self.anchors.get(&anchor).cloned() else {
            return Err(self.problem(
                mark,
                "an alias stands inside of what it stands for".into(),
                String::new(),
            ));
        };
        self.expanded = self.expanded.saturating_add(weight);
        if self.expanded > MAX_EXPANSION {
            let message = "the aliases of this document expand to too much".to_string();
            return Err(self.problem(mark, message, "write out what is meant".into()));
        }
        if self.wants_key() {
            return match node.value {
                Value::Text(key) => self.key(key, mark, false),
                _ => Err(self.problem(mark, "a key must be a word".into(), String::new())),
            };
        }
        self.add(Node { mark, value: node.value }, 0, weight)
    }

    fn add(&mut self, node: Node, anchor: usize, weight: usize) -> Result<(), Problem> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.weight = frame.weight.saturating_add(weight);
        match &mut frame.collection {
            Collection::List(items) => items.push(node),
            Collection::Map { entries, pending, merged, .. } => {
                if let Some(Pending { key, mark, merge, duplicate }) = pending.take() {
                    if merge {
                        merged.push(node);
                    } else if !duplicate {
                        entries.push(Entry { key, mark, node });
                    }
                }
            }
        }
        Ok(())
    }

    /// A problem at a place, with the path of what is being read.
    fn problem(&self, mark: Mark, message: String, advice: String) -> Problem {
        let mut path = String::new();
        for frame in &self.stack {
            match &frame.collection {
                Collection::List(items) => push_index(&mut path, items.len()),
                Collection::Map { pending: Some(pending), .. } => push_key(&mut path, &pending.key),
                Collection::Map { .. } => {}
            }
        }
        Problem { mark, path, message, advice }
    }
}
