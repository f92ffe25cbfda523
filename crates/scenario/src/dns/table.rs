use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Who has which addresses. Names are lower case, without a dot at the end.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct NameTable(HashMap<String, Vec<IpAddr>>);

impl NameTable {
    /// Adds a name; what it had before stays.
    pub fn add(&mut self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        self.0.entry(normal(name)).or_default().extend(addresses);
    }

    /// The addresses of a name, or those of the closest wildcard above it. `None`: no such name.
    pub fn find(&self, name: &str) -> Option<&[IpAddr]> {
        let name = normal(name);
        if let Some(addresses) = self.0.get(&name) {
            return Some(addresses);
        }
        let mut rest = name.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(addresses) = self.0.get(&format!("*.{parent}")) {
                return Some(addresses);
            }
            rest = parent;
        }
        None
    }
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The table that all machines' name servers share; replaced as a whole.
#[derive(Debug, Clone, Default)]
pub struct Names(Arc<Mutex<Arc<NameTable>>>);

impl Names {
    /// The table as it is now.
    pub fn get(&self) -> Arc<NameTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another table in place.
    pub fn set(&self, table: NameTable) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_its_own_beats_a_wildcard_and_the_closest_wildcard_the_others() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut table = NameTable::default();
        table.add("*.example.com", [address("10.0.0.1")]);
        table.add("*.b.example.com.", [address("10.0.0.2")]);
        table.add("A.example.com", [address("10.0.0.3")]);
        assert_eq!(table.find("a.Example.com."), Some(&[address("10.0.0.3")][..]));
        assert_eq!(table.find("x.b.example.com"), Some(&[address("10.0.0.2")][..]));
        assert_eq!(table.find("x.y.example.com"), Some(&[address("10.0.0.1")][..]));
        assert_eq!(table.find("example.com"), None);
    }
}
