use std::fmt;
use std::sync::Arc;

/// Where a workload runs: region, zone, subzone, each possibly empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Locality {
    /// e.g. `us`.
    pub region: Arc<str>,
    /// e.g. `us-east-1`.
    pub zone: Arc<str>,
    /// What is left of the path; it may hold further slashes, e.g. `az-1/r11`.
    pub subzone: Arc<str>,
}

impl Locality {
    /// Reads `region/zone/subzone`; everything after the second slash is the subzone, as in
    /// Istio's `util.ConvertLocality`.
    pub fn parse(path: &str) -> Locality {
        let mut parts = path.splitn(3, '/');
        let mut next = || Arc::from(parts.next().unwrap_or(""));
        Locality { region: next(), zone: next(), subzone: next() }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.region.is_empty() && self.zone.is_empty() && self.subzone.is_empty()
    }
}

impl fmt::Display for Locality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.region)?;
        if !self.zone.is_empty() {
            write!(f, "/{}", self.zone)?;
        }
        if !self.subzone.is_empty() {
            write!(f, "/{}", self.subzone)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fourth_part_stays_in_the_subzone() {
        let locality = Locality::parse("us/us-east-1/az-1/r11");
        assert_eq!((&*locality.region, &*locality.zone, &*locality.subzone), ("us", "us-east-1", "az-1/r11"));
        assert_eq!(locality.to_string(), "us/us-east-1/az-1/r11");
        assert!(Locality::parse("").is_empty());
    }
}
