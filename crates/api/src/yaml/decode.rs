//! Decodes a tree with serde and finds all mistakes, not only the first.
//!
//! serde gives up at the first wrong value. So whenever it does, the mistake is noted, the wrong
//! node is set aside as if it had not been written, and decoding starts again; what must be present
//! is never serde's business here, so the rest decodes.

mod access;
mod mistake;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Visitor};

use self::access::{Fields, Items};
pub(crate) use self::mistake::Mistake;
use self::mistake::{Refusal, describe, listed};
use super::path::{push_index, push_key};
use super::tree::{Mark, Node, Value};
use crate::suggest::nearest;

/// More mistakes of one object help nobody.
const MAX_MISTAKES: usize = 20;

/// A decoded value and what was wrong with it.
pub(crate) struct Decoded<T> {
    /// The value, as far as it was right; `None` if not even its outermost form was.
    pub value: Option<T>,
    pub mistakes: Vec<Mistake>,
}

/// Decodes a tree.
pub(crate) fn decode<T: DeserializeOwned>(root: &Node) -> Decoded<T> {
    let context = Context::default();
    let mut mistakes = Vec::new();
    let value = loop {
        context.unknown.borrow_mut().clear();
        let decoder = Decoder { node: root, path: &Path::Root, context: &context };
        match T::deserialize(decoder) {
            Ok(value) => break Some(value),
            Err(refusal) => {
                let (mistake, node) = refusal.into_parts();
                mistakes.push(mistake);
                let retry = mistakes.len() < MAX_MISTAKES
                    && node
                        .is_some_and(|node| node != address(root) && context.bad.borrow_mut().insert(node));
                if !retry {
                    break None;
                }
            }
        }
    };
    mistakes.extend(context.unknown.into_inner());
    mistakes.sort_by_key(|mistake| (mistake.mark.line, mistake.mark.column));
    mistakes.truncate(MAX_MISTAKES);
    Decoded { value, mistakes }
}

/// What is shared by the decoders of all nodes.
#[derive(Default)]
struct Context {
    /// Nodes that were found wrong and are passed over.
    bad: RefCell<HashSet<usize>>,
    unknown: RefCell<Vec<Mistake>>,
}

/// Identifies a node; the tree does not move while it is decoded.
fn address(node: &Node) -> usize {
    std::ptr::from_ref(node) as usize
}

/// The way to a node, kept on the stack.
enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write(path: &Path<'_>, text: &mut String) {
            match path {
                Path::Root => {}
                Path::Key(parent, key) => {
                    write(parent, text);
                    push_key(text, key);
                }
                Path::Index(parent, index) => {
                    write(parent, text);
                    push_index(text, *index);
                }
            }
        }
        let mut text = String::new();
        write(self, &mut text);
        f.write_str(&text)
    }
}

/// Decodes one node.
#[derive(Clone, Copy)]
struct Decoder<'t> {
    node: &'t Node,
    path: &'t Path<'t>,
    context: &'t Context,
}

impl<'t> Decoder<'t> {
    /// Says of a refusal where it happened, unless something inside has said so already.
    fn at<T>(self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        result.map_err(|refusal| refusal.located(self.path, self.node))
    }

    fn mismatch<T>(self, wanted: &str) -> Result<T, Refusal> {
        let message = format!("{wanted} is wanted here, but this is {}", describe(&self.node.value));
        self.at(Err(Refusal::new(message, advice_for(wanted, &self.node.value))))
    }

    fn integer(self, least: i128, greatest: i128) -> Result<i128, Refusal> {
        let number = match self.node.value {
            Value::Int(number, _) => number,
            // 1e3 and 80.0 are whole numbers to JSON.
            Value::Float(number, _) if number.fract() == 0.0 && number.abs() < 1e15 => number as i128,
            _ => return self.mismatch("a whole number"),
        };
        if (least..=greatest).contains(&number) {
            return Ok(number);
        }
        let message = format!("{number} is out of range");
        self.at(Err(Refusal::new(message, format!("it goes from {least} to {greatest}"))))
    }

    fn fields<'de, V: Visitor<'de>>(
        self,
        known: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::Map(entries) => self.at(visitor.visit_map(Fields::new(self, entries, known))),
            _ => self.mismatch("a map of fields"),
        }
    }

    fn unknown_field(self, key: &str, mark: Mark, known: &[&'static str]) {
        let path = Path::Key(self.path, key).to_string();
        let advice = match nearest(key, known.iter().copied()) {
            Some(name) => format!("did you mean '{name}'?"),
            None if known.is_empty() => "nothing can be set here".to_string(),
            None if known.len() <= 12 => format!("there are {}", listed(known)),
            None => String::new(),
        };
        let message = format!("no field '{key}' is known here");
        self.context.unknown.borrow_mut().push(Mistake { mark, path, message, advice });
    }
}

/// What helps in the usual confusions of YAML.
fn advice_for(wanted: &str, value: &Value) -> String {
    match value {
        Value::Bool(_, raw) | Value::Int(_, raw) | Value::Float(_, raw) if wanted.ends_with("text") => {
            format!("write it in quotes: \"{raw}\"")
        }
        Value::Null if wanted.ends_with("text") => "write \"\" for an empty text".to_string(),
        Value::Text(text) if wanted.ends_with("number") && text.trim().parse::<f64>().is_ok() => {
            "write it without quotes".to_string()
        }
        Value::Text(text) if wanted.ends_with("false") && matches!(&**text, "true" | "false") => {
            "write it without quotes".to_string()
        }
        Value::Null => String::new(),
        _ if wanted.ends_with("list") => "begin each entry with '- '".to_string(),
        Value::List(_) if wanted.ends_with("fields") => "write it without '- '".to_string(),
        _ => String::new(),
    }
}

macro_rules! integers {
    ($($method:ident $type:ty, $visit:ident;)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
                let number = self.integer(i128::from(<$type>::MIN), i128::from(<$type>::MAX))?;
                // In range: just checked.
                self.at(visitor.$visit(number as $type))
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::Null => self.at(visitor.visit_unit()),
            Value::Bool(value, _) => self.at(visitor.visit_bool(*value)),
            Value::Int(number, _) => match i64::try_from(*number) {
                Ok(number) => self.at(visitor.visit_i64(number)),
                Err(_) => self.at(visitor.visit_u64(u64::try_from(*number).unwrap_or(u64::MAX))),
            },
            Value::Float(number, _) => self.at(visitor.visit_f64(*number)),
            Value::Text(text) => self.at(visitor.visit_str(text)),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.node.value {
            Value::Bool(value, _) => self.at(visitor.visit_bool(value)),
            _ => self.mismatch("true or false"),
        }
    }

    integers! {
        deserialize_i8 i8, visit_i8;
        deserialize_i16 i16, visit_i16;
        deserialize_i32 i32, visit_i32;
        deserialize_i64 i64, visit_i64;
        deserialize_u8 u8, visit_u8;
        deserialize_u16 u16, visit_u16;
        deserialize_u32 u32, visit_u32;
        deserialize_u64 u64, visit_u64;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.node.value {
            Value::Int(number, _) => self.at(visitor.visit_f64(number as f64)),
            Value::Float(number, _) => self.at(visitor.visit_f64(number)),
            _ => self.mismatch("a number"),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::Text(text) => self.at(visitor.visit_str(text)),
            _ => self.mismatch("a text"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.node.value {
            Value::Null => self.at(visitor.visit_none()),
            _ => self.at(visitor.visit_some(self)),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.node.value {
            Value::Null => self.at(visitor.visit_unit()),
            _ => self.mismatch("nothing"),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.at(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::List(items) => self.at(visitor.visit_seq(Items::new(self, items))),
            _ => self.mismatch("a list"),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.fields(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.fields(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::Text(text) => self.at(visitor.visit_enum(StrDeserializer::new(text))),
            // Externally tagged enums with content: one key, the variant's name.
            Value::Map(entries) if entries.len() == 1 => {
                self.at(visitor.visit_enum(access::Variant::new(self, &entries[0])))
            }
            _ => self.mismatch(&format!("one of {}", listed(variants))),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.at(visitor.visit_unit())
    }
}
