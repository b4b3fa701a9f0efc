//! Which country a network belongs to.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use sandmill_stage::Failure;

/// Networks by their length and first address, both as if they were of IPv6.
#[derive(Default)]
pub(crate) struct Networks {
    countries: HashMap<(u32, u128), String>,
    lengths: BTreeSet<u32>,
}

impl Networks {
    /// Reads a table, a header and then lines such as `192.0.2.0/24,DE`.
    pub(crate) fn parse(table: &str) -> Result<Self, Failure> {
        let mut networks = Self::default();
        for (number, line) in (1..).zip(table.lines()).skip(1).filter(|(_, line)| !line.is_empty()) {
            networks.add(line).map_err(|failure| failure.at(format!("line {number}")))?;
        }
        Ok(networks)
    }

    fn add(&mut self, line: &str) -> Result<(), Failure> {
        let parts = line.split_once(',').and_then(|(network, country)| Some((network.split_once('/')?, country)));
        let ((first, length), country) = parts.ok_or("expected network,country, such as 192.0.2.0/24,DE")?;
        let first: IpAddr = first.parse()?;
        let short = if first.is_ipv4() { 96 } else { 0 };
        let length = short + length.parse::<u32>()?;
        if length > 128 {
            return Err("the network is longer than an address".into());
        }
        self.countries.insert((length, start(first, length)), country.to_owned());
        self.lengths.insert(length);
        Ok(())
    }

    /// The country of the smallest network that holds the address.
    pub(crate) fn country(&self, address: IpAddr) -> Option<&str> {
        let found = self.lengths.iter().rev().find_map(|&length| self.countries.get(&(length, start(address, length))));
        found.map(String::as_str)
    }
}

/// Where the network of this length begins that holds the address.
fn start(address: IpAddr, length: u32) -> u128 {
    let bits = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    bits & u128::MAX.checked_shl(128 - length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_network_that_holds_an_address_counts() {
        let table = "network,country\n192.0.2.0/24,DE\n192.0.2.128/25,FR\n2001:db8::/32,PL\n0.0.0.0/0,XX\n";
        let networks = Networks::parse(table).unwrap();
        let country = |address: &str| networks.country(address.parse().unwrap());
        assert_eq!(country("192.0.2.127"), Some("DE"));
        assert_eq!(country("192.0.2.128"), Some("FR"));
        assert_eq!(country("::ffff:192.0.2.1"), Some("DE"), "an address of IPv4 in that of IPv6");
        assert_eq!(country("2001:db8:1::1"), Some("PL"));
        assert_eq!(country("198.51.100.1"), Some("XX"));
        assert_eq!(country("2001:db9::1"), None);
    }

    #[test]
    fn a_bad_line_is_named() {
        let refused = |line: &str| Networks::parse(&format!("network,country\n{line}\n")).err().unwrap().into_message();
        assert_eq!(refused("192.0.2.0,DE"), "line 2: expected network,country, such as 192.0.2.0/24,DE");
        assert_eq!(refused("192.0.2/24,DE"), "line 2: invalid IP address syntax");
        assert_eq!(refused("192.0.2.0/33,DE"), "line 2: the network is longer than an address");
    }
}
