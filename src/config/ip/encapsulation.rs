//! `encap` of `ip route`: the light tunnels that keepalived knows too.

use std::net::IpAddr;
use std::str::FromStr;

use super::{Line, Mistake, Word, number, route};
use crate::model::{Encapsulation, TunnelEnds};

/// The most labels on one packet (`MAX_NEW_LABELS` of net/mpls/internal.h).
const MOST_LABELS: usize = 30;
/// The largest label: 20 bits (RFC 3032 section 2.1).
const LARGEST_LABEL: i64 = 0xf_ffff;
const KEY: u16 = 4;
const CHECKSUM: u16 = 1;
const SEQUENCE: u16 = 8;

/// What follows `encap`.
pub(super) fn encapsulation(line: &mut Line<'_, '_>, word: Word<'_>) -> Result<Encapsulation, Mistake> {
    let kind = line.value(word)?;
    match kind.text {
        "mpls" => {
            let value = line.value(kind)?;
            labels(value.text).map(Encapsulation::Mpls).ok_or_else(|| {
                Mistake::bad(value, format!("MPLS labels of 0 to {LARGEST_LABEL}, with a `/` between them"))
            })
        }
        "ip" => tunnel(line, kind, &["tos", "dsfield"], "ttl").map(Encapsulation::Ip),
        "ip6" => tunnel(line, kind, &["tc"], "hoplimit").map(Encapsulation::Ip6),
        "ila" => {
            let value = line.value(kind)?;
            let locator = locator(value.text).map(Encapsulation::Ila);
            locator.ok_or_else(|| Mistake::bad(value, "a locator: four hexadecimal numbers, `2001:db8:0:1`"))
        }
        _ => {
            Err(Mistake::bad(kind, "`mpls`, `ip`, `ip6` or `ila`, which are the encapsulations of keepalived's routes"))
        }
    }
}

fn labels(text: &str) -> Option<Vec<u32>> {
    let label = |text: &str| {
        let label = number(text).filter(|label| *label <= LARGEST_LABEL)?;
        u32::try_from(label).ok()
    };
    let labels = text.split('/').map(label).collect::<Option<Vec<_>>>()?;
    (labels.len() <= MOST_LABELS).then_some(labels)
}

fn locator(text: &str) -> Option<u64> {
    let mut words = text.split(':').map(|word| u16::from_str_radix(word, 16).ok().filter(|_| !word.starts_with('+')));
    let mut locator = 0;
    for _ in 0..4 {
        locator = locator << 16 | u64::from(words.next()??);
    }
    words.next().is_none().then_some(locator)
}

fn tunnel<A: FromStr>(
    line: &mut Line<'_, '_>,
    kind: Word<'_>,
    tos: &[&str],
    ttl: &str,
) -> Result<TunnelEnds<A>, Mistake> {
    let mut tunnel = TunnelEnds::default();
    while let Some(word) = line.peek() {
        let flag = match word.text {
            "key" => KEY,
            "csum" => CHECKSUM,
            "seq" => SEQUENCE,
            "id" | "dst" | "src" | "flags" => 0,
            text if tos.contains(&text) || text == ttl => 0,
            _ => break,
        };
        line.take();
        match word.text {
            _ if flag != 0 => tunnel.flags = Some(tunnel.flags.unwrap_or(0) | flag),
            "id" => {
                let value = line.value(word)?;
                let id = match value.text.strip_prefix("0x") {
                    Some(digits) => u64::from_str_radix(digits, 16),
                    None => u64::from_str(value.text),
                };
                tunnel.id = Some(id.map_err(|_| Mistake::bad(value, "the number of a tunnel"))?);
            }
            "dst" => tunnel.destination = Some(end(line, word)?),
            "src" => tunnel.source = Some(end(line, word)?),
            "flags" => tunnel.flags = Some(line.number(word, 0..=0xffff)?),
            text if text == ttl => tunnel.ttl = Some(line.number(word, 0..=255)?),
            _ => tunnel.tos = Some(route::tos(line, word)?),
        }
    }
    if tunnel.id.is_none() && tunnel.destination.is_none() {
        let message = format!("`encap {}` says neither where to (`dst`) nor by which tunnel (`id`)", kind.text);
        return Err(Mistake::wrong(kind.span, message));
    }
    Ok(tunnel)
}

/// An end of a tunnel, which is of the tunnel's family, whatever the route's.
fn end<A: FromStr>(line: &mut Line<'_, '_>, word: Word<'_>) -> Result<A, Mistake> {
    let value = line.value(word)?;
    A::from_str(value.text).map_err(|_| {
        let of =
            if IpAddr::from_str(value.text).is_ok() { "an address of the tunnel's family" } else { "an IP address" };
        Mistake::bad(value, of)
    })
}
