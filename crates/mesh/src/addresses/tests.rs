use std::collections::{BTreeMap, BTreeSet};

use outrigger_base::Host;

use super::{Allotments, Occupant, Slots, V4_SLOTS, hash, v4_address, v6_address};

fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

fn hosts(count: usize) -> Vec<Host> {
    (0..count).map(|n| host(&format!("host-{n}.example"))).collect()
}

#[test]
fn a_host_keeps_its_address_across_restarts_and_versions() {
    let mut allotments = Allotments::default();
    allotments.add(&host("test.internal.com"), &mut BTreeSet::new());
    let ips = (allotments.v4(&host("test.internal.com")), allotments.v6(&host("test.internal.com")));
    assert_eq!(
        (ips.0.unwrap().to_string(), ips.1.unwrap().to_string()),
        ("240.240.222.141".to_string(), "2001:2::edbb:4b92:378a:50d1".to_string())
    );
}

#[test]
fn addresses_never_end_in_0_or_255() {
    assert_eq!(v4_address(0).to_string(), "240.240.0.1");
    assert_eq!(v4_address(253).to_string(), "240.240.0.254");
    assert_eq!(v4_address(254).to_string(), "240.240.1.1");
    assert_eq!(v4_address(V4_SLOTS - 1).to_string(), "240.240.255.254");
    assert_eq!(v6_address(0).to_string(), "2001:2::1");
}

#[test]
fn of_two_hosts_with_one_place_the_first_by_name_keeps_it() {
    let mut by_place: BTreeMap<u64, Host> = BTreeMap::new();
    let (first, second) = hosts(2000)
        .into_iter()
        .find_map(|host| {
            let place = hash(host.as_str()) % V4_SLOTS;
            by_place.insert(place, host.clone()).map(|other| (other, host))
        })
        .map(|(a, b)| if a.as_str() < b.as_str() { (a, b) } else { (b, a) })
        .unwrap();
    let home = v4_address(hash(first.as_str()) % V4_SLOTS);
    let next = v4_address(hash(first.as_str()) % V4_SLOTS + 1);
    for order in [[&first, &second], [&second, &first]] {
        let mut allotments = Allotments::default();
        let mut moved = BTreeSet::new();
        for host in order {
            allotments.add(host, &mut moved);
        }
        assert_eq!((allotments.v4(&first), allotments.v4(&second)), (Some(home), Some(next)));
        moved.clear();
        allotments.remove(&first, &mut moved);
        assert_eq!(allotments.v4(&second), Some(home));
        assert_eq!(moved, BTreeSet::from([first.clone(), second.clone()]));
    }
}

#[test]
fn an_address_that_a_user_wrote_is_not_allotted() {
    let name = host("test.internal.com");
    let mut allotments = Allotments::default();
    let mut moved = BTreeSet::new();
    allotments.add(&name, &mut moved);
    let wanted = allotments.v4(&name).unwrap();
    moved.clear();
    allotments.reserve(wanted, &mut moved);
    allotments.reserve(wanted, &mut moved);
    assert!(moved.contains(&name));
    assert_ne!(allotments.v4(&name), Some(wanted));
    allotments.free(wanted, &mut moved);
    assert_ne!(allotments.v4(&name), Some(wanted));
    allotments.free(wanted, &mut moved);
    assert_eq!(allotments.v4(&name), Some(wanted));
}

#[test]
fn who_gets_which_place_does_not_depend_on_history() {
    // A small ring, so that places are contested, runs wrap around, and some find none.
    let names = hosts(24);
    let layout = |slots: &Slots| -> Vec<Option<u64>> { names.iter().map(|h| slots.of(h)).collect() };
    let mut random = 12345u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % below
    };
    for _ in 0..200 {
        let mut slots = Slots::new(17);
        let mut present = BTreeSet::new();
        let mut moved = BTreeSet::new();
        for _ in 0..80 {
            let n = next(names.len());
            let before = layout(&slots);
            moved.clear();
            let occupant = Occupant::Host(names[n].clone());
            if present.insert(n) {
                slots.insert(occupant, hash(names[n].as_str()), &mut moved);
            } else {
                present.remove(&n);
                slots.remove(&occupant, &mut moved);
            }
            let after = layout(&slots);
            for (n, name) in names.iter().enumerate() {
                assert!(before[n] == after[n] || moved.contains(name), "{name} moved silently");
            }
        }
        let mut fresh = Slots::new(17);
        for n in present {
            fresh.insert(Occupant::Host(names[n].clone()), hash(names[n].as_str()), &mut BTreeSet::new());
        }
        assert_eq!(layout(&slots), layout(&fresh));
    }
}
