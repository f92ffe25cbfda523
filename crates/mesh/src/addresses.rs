//! Virtual addresses for hosts that have none: 240.240.0.0/16 and 2001:2::/48.
//!
//! Which address a host gets depends on nothing but the set of hosts: every host has a place by its
//! hash; where several want the same place the first by name gets it and the others go on to the next.
//! This is linear probing with names as priorities, whose outcome is the same in whatever order
//! hosts come and go. Addresses inside these ranges that users wrote themselves are never allotted.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ahash::AHashMap;
use outrigger_base::Host;

/// Last octets 1 to 254 only: some stacks still take .0 and .255 for a network's own.
const V4_OCTETS: u64 = 254;
const V4_SLOTS: u64 = 256 * V4_OCTETS;
/// The lower half of the address; the all-zeros one means "any router of the subnet" (RFC 4291 2.6.1).
const V6_SLOTS: u64 = u64::MAX;
const V6_NETWORK: u64 = 0x2001_0002_0000_0000;

/// The addresses that are allotted now.
#[derive(Debug)]
pub(crate) struct Allotments {
    v4: Slots,
    v6: Slots,
    /// How many services of each host need an address.
    hosts: AHashMap<Host, usize>,
    /// How many services have each of these addresses written down.
    reserved: AHashMap<IpAddr, usize>,
}

impl Default for Allotments {
    fn default() -> Self {
        Allotments {
            v4: Slots::new(V4_SLOTS),
            v6: Slots::new(V6_SLOTS),
            hosts: AHashMap::new(),
            reserved: AHashMap::new(),
        }
    }
}

impl Allotments {
    pub(crate) fn v4(&self, host: &Host) -> Option<IpAddr> {
        self.v4.of(host).map(v4_address)
    }

    pub(crate) fn v6(&self, host: &Host) -> Option<IpAddr> {
        self.v6.of(host).map(v6_address)
    }

    /// A further service of this host needs an address. Hosts whose addresses changed go to `moved`.
    pub(crate) fn add(&mut self, host: &Host, moved: &mut BTreeSet<Host>) {
        let count = self.hosts.entry(host.clone()).or_default();
        *count += 1;
        if *count == 1 {
            let hash = hash(host.as_str());
            self.v4.insert(Occupant::Host(host.clone()), hash, moved);
            self.v6.insert(Occupant::Host(host.clone()), hash, moved);
        }
    }

    /// One service of this host needs no address any more.
    pub(crate) fn remove(&mut self, host: &Host, moved: &mut BTreeSet<Host>) {
        if release(&mut self.hosts, host) {
            self.v4.remove(&Occupant::Host(host.clone()), moved);
            self.v6.remove(&Occupant::Host(host.clone()), moved);
        }
    }

    /// A user wrote this address down.
    pub(crate) fn reserve(&mut self, address: IpAddr, moved: &mut BTreeSet<Host>) {
        let count = self.reserved.entry(address).or_default();
        *count += 1;
        if *count == 1 {
            match slot_of(address) {
                Some((Family::V4, slot)) => self.v4.insert(Occupant::User(slot), slot, moved),
                Some((Family::V6, slot)) => self.v6.insert(Occupant::User(slot), slot, moved),
                None => {}
            }
        }
    }

    /// One of those who wrote this address down is gone.
    pub(crate) fn free(&mut self, address: IpAddr, moved: &mut BTreeSet<Host>) {
        if release(&mut self.reserved, &address) {
            match slot_of(address) {
                Some((Family::V4, slot)) => self.v4.remove(&Occupant::User(slot), moved),
                Some((Family::V6, slot)) => self.v6.remove(&Occupant::User(slot), moved),
                None => {}
            }
        }
    }
}

/// Counts down; whether nobody is left.
fn release<K: Eq + std::hash::Hash>(counts: &mut AHashMap<K, usize>, key: &K) -> bool {
    let Some(count) = counts.get_mut(key) else { return false };
    *count -= 1;
    if *count == 0 {
        counts.remove(key);
        return true;
    }
    false
}

enum Family {
    V4,
    V6,
}

fn v4_address(slot: u64) -> IpAddr {
    // Both fit: there are 256 times 254 slots.
    let (third, last) = ((slot / V4_OCTETS) as u8, (slot % V4_OCTETS + 1) as u8);
    IpAddr::V4(Ipv4Addr::new(240, 240, third, last))
}

fn v6_address(slot: u64) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from((u128::from(V6_NETWORK) << 64) | u128::from(slot + 1)))
}

fn slot_of(address: IpAddr) -> Option<(Family, u64)> {
    match address {
        IpAddr::V4(v4) => match v4.octets() {
            [240, 240, third, last @ 1..=254] => {
                Some((Family::V4, u64::from(third) * V4_OCTETS + u64::from(last) - 1))
            }
            _ => None,
        },
        IpAddr::V6(v6) => {
            let bits = u128::from(v6);
            let slot = (bits as u64).checked_sub(1)?;
            ((bits >> 64) as u64 == V6_NETWORK).then_some((Family::V6, slot))
        }
    }
}

/// FNV-1a with a final mix (SplitMix64's): the same on every machine and in every version.
fn hash(name: &str) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Who holds a slot; the smaller one wins. An address of a user stays where it is, so it beats
/// every host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Occupant {
    User(u64),
    Host(Host),
}

impl Occupant {
    fn beats(&self, other: &Occupant) -> bool {
        match (self, other) {
            (Occupant::User(_), Occupant::Host(_)) => true,
            (Occupant::Host(a), Occupant::Host(b)) => a.as_str() < b.as_str(),
            (_, Occupant::User(_)) => false,
        }
    }
}

#[derive(Debug)]
struct Slots {
    size: u64,
    slots: AHashMap<u64, (Occupant, u64 /* home */)>,
    places: AHashMap<Occupant, u64>,
    /// Those who found no place, with their homes.
    homeless: AHashMap<Occupant, u64>,
}

impl Slots {
    fn new(size: u64) -> Slots {
        Slots { size, slots: AHashMap::new(), places: AHashMap::new(), homeless: AHashMap::new() }
    }

    fn of(&self, host: &Host) -> Option<u64> {
        self.places.get(&Occupant::Host(host.clone())).copied()
    }

    fn insert(&mut self, occupant: Occupant, hash: u64, moved: &mut BTreeSet<Host>) {
        let (mut occupant, mut home) = (occupant, hash % self.size);
        let mut distance = 0;
        // On the way from its home to where it stands, an occupant has met only those that beat it. So
        // one that has to give way goes on from there, and has no place once it is round at its home.
        while distance < self.size {
            let slot = ring(home, distance, self.size);
            match self.slots.get(&slot) {
                None => {
                    self.put(slot, occupant, home, moved);
                    return;
                }
                Some((holder, _)) if occupant.beats(holder) => {
                    let (loser, losers_home) =
                        self.put(slot, occupant, home, moved).expect("the slot was taken");
                    (occupant, home) = (loser, losers_home);
                    distance = if slot >= home { slot - home } else { self.size - home + slot };
                }
                Some(_) => {}
            }
            distance += 1;
        }
        self.places.remove(&occupant);
        self.homeless.insert(occupant, home);
    }

    fn put(
        &mut self,
        slot: u64,
        occupant: Occupant,
        home: u64,
        moved: &mut BTreeSet<Host>,
    ) -> Option<(Occupant, u64)> {
        note(&occupant, moved);
        self.places.insert(occupant.clone(), slot);
        let before = self.slots.insert(slot, (occupant, home));
        if let Some((loser, _)) = &before {
            note(loser, moved);
        }
        before
    }

    fn remove(&mut self, occupant: &Occupant, moved: &mut BTreeSet<Host>) {
        if self.homeless.remove(occupant).is_some() {
            return;
        }
        let Some(slot) = self.places.remove(occupant) else { return };
        self.slots.remove(&slot);
        note(occupant, moved);
        // Whoever lies in the run behind may have been pushed there by the one that is gone; they all
        // take their places anew, whoever had found none too.
        let mut again: Vec<(Occupant, u64)> = self.homeless.drain().collect();
        let mut next = ring(slot, 1, self.size);
        while let Some((holder, home)) = self.slots.remove(&next) {
            self.places.remove(&holder);
            again.push((holder, home));
            next = ring(next, 1, self.size);
        }
        for (occupant, home) in again {
            self.insert(occupant, home, moved);
        }
    }
}

/// `distance` places after `from`; written so that it cannot overflow.
fn ring(from: u64, distance: u64, size: u64) -> u64 {
    let room = size - from;
    if distance < room { from + distance } else { distance - room }
}

fn note(occupant: &Occupant, moved: &mut BTreeSet<Host>) {
    if let Occupant::Host(host) = occupant {
        moved.insert(host.clone());
    }
}

#[cfg(test)]
mod tests;
