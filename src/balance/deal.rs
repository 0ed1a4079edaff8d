//! Which group has which mark, for the next process.
//!
//! To the kernel a group whose packets are marked is its mark and nothing else: under another one it would be another service, and
//! whoever is connected through it would be cut off. What the configuration says does not tell the mark, since that depends on which
//! groups there were before. So the deal is written down before the kernel is told of it, and read at the next start:
//!
//! ```text
//! ipvsd marks 1
//! boot 6c0f2f1e-... netns 4026531840
//! group tcp 1000 web
//! packets 192.0.2.1:80
//! packets 192.0.2.2:80
//! group udp 1001 name servers
//! packets [2001:db8::1]:53
//! end 5
//! ```
//!
//! A group is known again by its name, and by its packets: one that has some of those of another that is gone is that one under another
//! name. A file without packets is of a version that went by names alone.
//!
//! It is not read back from nf_tables, although it stands there, too: somebody may have flushed that, and the map knows addresses
//! and no groups. The stamp is the ledger's: in another boot, or another namespace, nobody is connected, and the marks count anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use super::ledger::{Stamp, protocol};
use crate::model::{Config, Protocol, ServiceConfig, ServiceKey};

const HEAD: &str = "ipvsd marks 1";

/// What each group was dealt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deal(BTreeMap<Holder, Dealt>);

/// Packets of one protocol: their address, and port (0: any).
pub(super) type Packets = BTreeSet<(IpAddr, u16)>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Dealt {
    mark: NonZeroU32,
    /// None: they were not written down.
    packets: Packets,
}

/// What a group is known by, from one file to the next: its protocol and its name, or its first address if it has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    pub(super) protocol: Protocol,
    name: String,
}

impl Holder {
    /// `None`: a service without a group, or of a group that has marks alone.
    pub(super) fn of(service: &ServiceConfig) -> Option<Self> {
        let group = service.group.as_ref()?;
        let protocol = service.listeners().find_map(|key| match key {
            ServiceKey::Address { protocol, .. } => Some(protocol),
            ServiceKey::Fwmark { .. } => None,
        })?;
        Some(Self { protocol, name: group.name.clone().unwrap_or_else(|| service.key.to_string()) })
    }
}

/// The packets of a service that has a [`Holder`].
pub(super) fn packets(service: &ServiceConfig) -> Packets {
    let packets = |key| match key {
        ServiceKey::Address { address, port, .. } => Some((address, port)),
        ServiceKey::Fwmark { .. } => None,
    };
    service.listeners().filter_map(packets).collect()
}

/// The text is no deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDeal {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

impl fmt::Display for InvalidDeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for InvalidDeal {}

impl Deal {
    /// What the groups of a configuration have.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let marked = |service: &ServiceConfig| {
            let mark = service.group.as_ref()?.mark?;
            Some((Holder::of(service)?, Dealt { mark, packets: packets(service) }))
        };
        Self(config.services.iter().filter_map(marked).collect())
    }

    /// Every mark that was dealt.
    pub(super) fn marks(&self) -> impl Iterator<Item = NonZeroU32> + '_ {
        self.0.values().map(|dealt| dealt.mark)
    }

    /// The mark of the group of that name, whatever its packets are.
    pub(super) fn of_name(&self, holder: &Holder) -> Option<NonZeroU32> {
        self.0.get(holder).map(|dealt| dealt.mark)
    }

    /// ... if it has some of these, as far as it is known what it had.
    pub(super) fn of_name_with(&self, holder: &Holder, packets: &Packets) -> Option<NonZeroU32> {
        let dealt = self.0.get(holder)?;
        (dealt.packets.is_empty() || !dealt.packets.is_disjoint(packets)).then_some(dealt.mark)
    }

    /// Which packets had which mark.
    pub(super) fn by_packet(&self) -> BTreeMap<(Protocol, IpAddr, u16), NonZeroU32> {
        let of = |(holder, dealt): (&Holder, &Dealt)| {
            let (protocol, mark) = (holder.protocol, dealt.mark);
            let packets: Vec<_> = dealt.packets.iter().copied().collect();
            packets.into_iter().map(move |(address, port)| ((protocol, address, port), mark))
        };
        self.0.iter().flat_map(of).collect()
    }

    /// As text, with a stamp.
    #[must_use]
    pub fn to_text(&self, stamp: &Stamp) -> String {
        let mut text = format!("{HEAD}\n{}\n", stamp.0);
        // Writing to a String cannot fail.
        for (holder, Dealt { mark, packets }) in &self.0 {
            let _ = writeln!(text, "group {} {mark} {}", holder.protocol, on_one_line(&holder.name));
            for (address, port) in packets {
                let _ = writeln!(text, "packets {}", SocketAddr::new(*address, *port));
            }
        }
        let entries: usize = self.0.values().map(|dealt| 1 + dealt.packets.len()).sum();
        let _ = writeln!(text, "end {entries}");
        text
    }

    /// Reads what [`Deal::to_text`] wrote.
    ///
    /// # Errors
    /// [`InvalidDeal`] with the first line that is not as it should be.
    pub fn from_text(text: &str) -> Result<(Stamp, Self), InvalidDeal> {
        let mut lines = (1..).zip(text.split('\n'));
        let invalid = |line, problem| InvalidDeal { line, problem };
        match lines.next() {
            Some((_, HEAD)) => {}
            Some((line, _)) => return Err(invalid(line, "no deal of marks of this version")),
            None => return Err(invalid(1, "the file is empty")),
        }
        let Some((_, stamp)) = lines.next() else { return Err(invalid(2, "the stamp is missing")) };
        let mut deal: BTreeMap<Holder, Dealt> = BTreeMap::new();
        let mut marks = BTreeSet::new();
        let mut current: Option<Holder> = None;
        let (mut entries, mut last) = (0_usize, 2);
        for (line, text) in lines {
            last = line;
            let mut words = text.splitn(4, ' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("group"), Some(word), Some(mark), Some(name)) => {
                    let protocol = protocol(word).ok_or(invalid(line, "not a protocol"))?;
                    let mark: NonZeroU32 = mark.parse().map_err(|_| invalid(line, "not a mark"))?;
                    let name = from_one_line(name).ok_or(invalid(line, "not a name"))?;
                    if !marks.insert(mark) {
                        return Err(invalid(line, "a mark that another group has"));
                    }
                    let holder = Holder { protocol, name };
                    if deal.insert(holder.clone(), Dealt { mark, packets: Packets::new() }).is_some() {
                        return Err(invalid(line, "a group that was there"));
                    }
                    current = Some(holder);
                }
                (Some("packets"), Some(packets), None, None) => {
                    let packets: SocketAddr =
                        packets.parse().map_err(|_| invalid(line, "not an address with a port"))?;
                    let dealt = current.as_ref().and_then(|holder| deal.get_mut(holder));
                    let dealt = dealt.ok_or(invalid(line, "packets before any group"))?;
                    if !dealt.packets.insert((packets.ip(), packets.port())) {
                        return Err(invalid(line, "packets that were there"));
                    }
                }
                (Some("end"), Some(count), None, None) if count.parse() == Ok(entries) => {
                    return Ok((Stamp(stamp.to_owned()), Self(deal)));
                }
                (Some("end"), ..) => return Err(invalid(line, "the number of entries is another than the file says")),
                (Some(_) | None, ..) => return Err(invalid(line, "an unknown word")),
            }
            entries += 1;
        }
        Err(invalid(last, "the file is cut short"))
    }
}

/// A name may have anything in it, and a line ends at the first line feed.
fn on_one_line(name: &str) -> String {
    name.replace('\\', "\\\\").replace('\n', "\\n")
}

fn from_one_line(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        name.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                'n' => '\n',
                _ => return None,
            },
            other => other,
        });
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal(groups: &[(Protocol, &str, u32)]) -> Deal {
        let group = |(protocol, name, mark): &(Protocol, &str, u32)| {
            let packet = |last: u32| (IpAddr::from([192, 0, 2, u8::try_from(last % 256).unwrap()]), 80);
            let six = ("2001:db8::1".parse().unwrap(), u16::try_from(*mark).unwrap());
            // A third of them has none, as in the file of an older version.
            let packets = (0..mark % 3).map(|n| packet(mark + n)).chain((mark % 3 > 0).then_some(six)).collect();
            let dealt = Dealt { mark: NonZeroU32::new(*mark).unwrap(), packets };
            (Holder { protocol: *protocol, name: (*name).to_owned() }, dealt)
        };
        Deal(groups.iter().map(group).collect())
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_and_what_is_cut_short_is_not(
            names in proptest::collection::vec("(web|end 1|[a-z \\\\\r\nß%]{0,6}|\\PC{0,8})", 0..6),
            cut in 0_usize..400,
        ) {
            let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().cycle();
            let groups: Vec<_> = names.iter().zip(1000..).zip(protocols).map(|((name, mark), protocol)| (protocol, name.as_str(), mark)).collect();
            let (stamp, deal) = (Stamp("boot b netns 7".to_owned()), deal(&groups));
            let text = deal.to_text(&stamp);
            proptest::prop_assert_eq!(Deal::from_text(&text), Ok((stamp, deal)));
            if cut + 1 < text.len() && text.is_char_boundary(cut) {
                proptest::prop_assert!(Deal::from_text(&text[..cut]).is_err());
            }
        }
    }

    #[test]
    fn what_is_damaged_is_told_with_its_line() {
        let of = |lines: &str| Deal::from_text(&format!("{HEAD}\nboot\n{lines}")).unwrap_err().to_string();
        for (lines, told) in [
            ("group tcp 0 web\nend 1\n", "line 3: not a mark"),
            ("group icmp 1 web\nend 1\n", "line 3: not a protocol"),
            ("group tcp 1 a\\b\nend 1\n", "line 3: not a name"),
            ("group tcp 1\nend 1\n", "line 3: an unknown word"),
            ("group tcp 1 a\ngroup udp 1 a\nend 2\n", "line 4: a mark that another group has"),
            ("group tcp 1 a\ngroup tcp 2 a\nend 2\n", "line 4: a group that was there"),
            ("group tcp 1 a\nend 2\n", "line 4: the number of entries is another than the file says"),
            ("packets 192.0.2.1:80\nend 1\n", "line 3: packets before any group"),
            ("group tcp 1 a\npackets 192.0.2.1\nend 2\n", "line 4: not an address with a port"),
            (
                "group tcp 1 a\npackets 192.0.2.1:80\nend 1\n",
                "line 5: the number of entries is another than the file says",
            ),
        ] {
            assert_eq!(of(lines), told);
        }
        assert_eq!(Deal::from_text("").unwrap_err().to_string(), "line 1: no deal of marks of this version");
    }
}
