//! The part of RFC 1035 that addresses need: one question, its answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const TYPE_A: u16 = 1;
pub const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
const HEADER: usize = 12;
/// No answer is believed for longer: tables change with every step.
const TTL_SECONDS: u32 = 1;
/// Without EDNS no UDP answer may be longer (RFC 1035, 4.2.1).
pub const UDP_LIMIT: usize = 512;

const FLAG_RESPONSE: u8 = 0x80;
const FLAG_AUTHORITATIVE: u8 = 0x04;
const FLAG_TRUNCATED: u8 = 0x02;
const FLAG_RECURSION_DESIRED: u8 = 0x01;
const FLAG_RECURSION_AVAILABLE: u8 = 0x80;

/// How a query ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Success = 0,
    Malformed = 1,
    NoSuchName = 3,
    NotImplemented = 4,
}

/// The question of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub name: String,
    pub kind: u16,
    /// Where it ends in the message.
    end: usize,
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

/// The first question of a message.
pub fn question(message: &[u8]) -> Option<Question> {
    if number(message, 4)? == 0 {
        return None;
    }
    let mut name = String::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        match length {
            0 => break,
            // Nothing stands before the question that it could refer to.
            64.. => return None,
            _ => {
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(&String::from_utf8_lossy(message.get(at..at + length)?));
                at += length;
            }
        }
    }
    Some(Question { name, kind: number(message, at)?, end: at + 4 })
}

/// The query for a name; `None` if it cannot be a name.
pub fn query(id: u16, name: &str, kind: u16) -> Option<Vec<u8>> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([FLAG_RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    Some(message)
}

/// The response to a query, at most `limit` bytes long; `None` if not even its question is readable.
pub fn response(query: &[u8], code: Code, addresses: &[IpAddr], limit: usize) -> Option<Vec<u8>> {
    let end = question(query).map_or(HEADER, |question| question.end);
    let mut message = query.get(..end)?.to_vec();
    message[2] = FLAG_RESPONSE | FLAG_AUTHORITATIVE | (query[2] & FLAG_RECURSION_DESIRED);
    message[3] = FLAG_RECURSION_AVAILABLE | code as u8;
    let mut count: u16 = 0;
    for address in addresses {
        let record = record(*address);
        if message.len() + record.len() > limit {
            message[2] |= FLAG_TRUNCATED;
            break;
        }
        message.extend(record);
        count += 1;
    }
    let questions = u16::from(end > HEADER);
    message[4..6].copy_from_slice(&questions.to_be_bytes());
    message[6..8].copy_from_slice(&count.to_be_bytes());
    message[8..12].fill(0);
    Some(message)
}

fn record(address: IpAddr) -> Vec<u8> {
    let (kind, data) = match address {
        IpAddr::V4(address) => (TYPE_A, address.octets().to_vec()),
        IpAddr::V6(address) => (TYPE_AAAA, address.octets().to_vec()),
    };
    // A pointer to the question's name (RFC 1035, 4.1.4).
    let mut record = vec![0xc0, HEADER as u8];
    record.extend(kind.to_be_bytes());
    record.extend(CLASS_IN.to_be_bytes());
    record.extend(TTL_SECONDS.to_be_bytes());
    record.extend((data.len() as u16).to_be_bytes());
    record.extend(data);
    record
}

/// What a response says.
#[derive(Debug, PartialEq, Eq)]
pub struct Answers {
    pub exists: bool,
    pub truncated: bool,
    pub addresses: Vec<IpAddr>,
}

/// Reads a response of [`response`]'s form.
pub fn answers(message: &[u8], id: u16) -> Option<Answers> {
    let mut at = question(message)?.end;
    if number(message, 0)? != id || message[2] & FLAG_RESPONSE == 0 {
        return None;
    }
    let code = message[3] & 0x0f;
    if code != Code::Success as u8 && code != Code::NoSuchName as u8 {
        return None;
    }
    let mut addresses = Vec::new();
    for _ in 0..number(message, 6)? {
        let length = usize::from(number(message, at + 10)?);
        let data = message.get(at + 12..at + 12 + length)?;
        if let Ok(octets) = <[u8; 4]>::try_from(data) {
            addresses.push(Ipv4Addr::from(octets).into());
        } else if let Ok(octets) = <[u8; 16]>::try_from(data) {
            addresses.push(Ipv6Addr::from(octets).into());
        }
        at += 12 + length;
    }
    let truncated = message[2] & FLAG_TRUNCATED != 0;
    Some(Answers { exists: code == Code::Success as u8, truncated, addresses })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_comes_back() {
        let addresses = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let query = query(7, "app.default.svc", TYPE_A).unwrap();
        assert_eq!(question(&query).map(|q| (q.name, q.kind)), Some(("app.default.svc".to_owned(), TYPE_A)));
        let response = response(&query, Code::Success, &addresses, UDP_LIMIT).unwrap();
        let expected = Answers { exists: true, truncated: false, addresses: addresses.to_vec() };
        assert_eq!(answers(&response, 7), Some(expected));
        assert_eq!(answers(&response, 8), None);
    }

    #[test]
    fn too_many_addresses_for_a_packet_are_cut_and_marked() {
        let addresses: Vec<IpAddr> = (0..100).map(|n| Ipv4Addr::new(10, 0, 0, n).into()).collect();
        let query = query(7, "many", TYPE_A).unwrap();
        let short = response(&query, Code::Success, &addresses, UDP_LIMIT).unwrap();
        assert!(short.len() <= UDP_LIMIT);
        assert!(answers(&short, 7).unwrap().truncated);
        let long = response(&query, Code::Success, &addresses, usize::MAX).unwrap();
        assert_eq!(answers(&long, 7).unwrap().addresses, addresses);
    }

    #[test]
    fn rubbish_is_no_question() {
        assert_eq!(question(&[0; 5]), None);
        assert_eq!(question(&[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1]), None);
        assert_eq!(query(1, "a..b", TYPE_A), None);
    }
}
