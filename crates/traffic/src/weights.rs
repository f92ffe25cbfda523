//! The choice among weighted clusters.

use std::sync::Arc;

use crate::{ClusterChoice, WeightedCluster};

impl ClusterChoice {
    /// The cluster that a random number falls on, with its entry if it is one of several.
    pub fn choose(&self, random: u64) -> (&Arc<str>, Option<&WeightedCluster>) {
        match self {
            ClusterChoice::One(name) => (name, None),
            ClusterChoice::Weighted { clusters, total } => {
                let mut point = random % u64::from((*total).max(1));
                for cluster in clusters {
                    let weight = u64::from(cluster.weight);
                    if point < weight {
                        return (&cluster.name, Some(cluster));
                    }
                    point -= weight;
                }
                let last = clusters.last().expect("weighted clusters are never empty");
                (&last.name, Some(last))
            }
        }
    }

    /// What part of the requests each cluster gets; those that get nothing are left out.
    pub fn shares(&self) -> Vec<(Arc<str>, f64)> {
        match self {
            ClusterChoice::One(name) => vec![(name.clone(), 1.0)],
            ClusterChoice::Weighted { clusters, total } => clusters
                .iter()
                .filter(|c| c.weight > 0)
                .map(|c| (c.name.clone(), f64::from(c.weight) / f64::from(*total)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeaderMutations;

    #[test]
    fn each_cluster_gets_its_part_and_one_without_weight_gets_none() {
        let cluster = |name: &str, weight| WeightedCluster {
            name: name.into(),
            weight,
            headers: HeaderMutations::default(),
            host_rewrite: None,
        };
        let choice = ClusterChoice::Weighted {
            clusters: vec![cluster("a", 1), cluster("none", 0), cluster("b", 3)],
            total: 4,
        };
        let chosen: Vec<&str> = (0..8).map(|random| &**choice.choose(random).0).collect();
        assert_eq!(chosen, ["a", "b", "b", "b", "a", "b", "b", "b"]);
        assert_eq!(choice.shares(), [("a".into(), 0.25), ("b".into(), 0.75)]);
    }
}
