//! The entries of maps and lists, as serde takes them.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::mistake::Refusal;
use super::{Decoder, Path, address};
use crate::yaml::tree::{Entry, Node, Value};

/// The entries of a map. In a struct, fields that it does not have are noted and passed over, and
/// so are fields without a value, which count as not written.
pub(super) struct Fields<'t> {
    of: Decoder<'t>,
    entries: std::slice::Iter<'t, Entry>,
    known: Option<&'static [&'static str]>,
    current: Option<&'t Entry>,
}

impl<'t> Fields<'t> {
    pub(super) fn new(of: Decoder<'t>, entries: &'t [Entry], known: Option<&'static [&'static str]>) -> Self {
        Fields { of, entries: entries.iter(), known, current: None }
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        for entry in self.entries.by_ref() {
            if self.of.context.bad.borrow().contains(&address(&entry.node)) {
                continue;
            }
            if let Some(known) = self.known {
                if !known.contains(&&*entry.key) {
                    self.of.unknown_field(&entry.key, entry.mark, known);
                    continue;
                }
                if matches!(entry.node.value, Value::Null) {
                    continue;
                }
            }
            self.current = Some(entry);
            return seed.deserialize(StrDeserializer::new(&entry.key)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let Some(entry) = self.current.take() else {
            return Err(Refusal::new("a value was asked for before its key".to_string(), String::new()));
        };
        decode_at(self.of, &Path::Key(self.of.path, &entry.key), &entry.node, seed)
    }
}

/// Decodes a node below another.
fn decode_at<'de, S: DeserializeSeed<'de>>(
    of: Decoder<'_>,
    path: &Path<'_>,
    node: &Node,
    seed: S,
) -> Result<S::Value, Refusal> {
    seed.deserialize(Decoder { node, path, context: of.context })
}

/// The items of a list.
pub(super) struct Items<'t> {
    of: Decoder<'t>,
    items: std::iter::Enumerate<std::slice::Iter<'t, Node>>,
}

impl<'t> Items<'t> {
    pub(super) fn new(of: Decoder<'t>, items: &'t [Node]) -> Self {
        Items { of, items: items.iter().enumerate() }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refusal> {
        for (index, node) in self.items.by_ref() {
            if !self.of.context.bad.borrow().contains(&address(node)) {
                return decode_at(self.of, &Path::Index(self.of.path, index), node, seed).map(Some);
            }
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// A variant of an enum with its content.
pub(super) struct Variant<'t> {
    of: Decoder<'t>,
    entry: &'t Entry,
}

impl<'t> Variant<'t> {
    pub(super) fn new(of: Decoder<'t>, entry: &'t Entry) -> Self {
        Variant { of, entry }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Refusal> {
        let name = seed.deserialize(StrDeserializer::<Refusal>::new(&self.entry.key))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refusal> {
        decode_at(self.of, &Path::Key(self.of.path, &self.entry.key), &self.entry.node, seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refusal> {
        let path = Path::Key(self.of.path, &self.entry.key);
        Decoder { node: &self.entry.node, path: &path, context: self.of.context }
            .deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let path = Path::Key(self.of.path, &self.entry.key);
        Decoder { node: &self.entry.node, path: &path, context: self.of.context }
            .deserialize_struct("", fields, visitor)
    }
}
