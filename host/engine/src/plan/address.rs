//! Classifies addresses by what they reach: the whole world, this machine, the network around it, or something that no
//! stage has any business with. Errs on the side of refusing: what is not known to be public is not.

// The half of the network types that does no I/O.
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// How far an address reaches: this machine, the network around it, or the public network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Globally reachable.
    Global,
    /// This machine.
    Loopback,
    /// The network around this machine: RFC 1918, unique-local, and what carriers share (100.64.0.0/10).
    Private,
    /// Link-local, metadata services, multicast, reserved, documentation, tunnels into any of these, and the rest.
    Special,
}

const LOOPBACK: Ipv4Net = v4(127, 0, 0, 0, 8);

const PRIVATE: [Ipv4Net; 4] =
    [v4(10, 0, 0, 0, 8), v4(172, 16, 0, 0, 12), v4(192, 168, 0, 0, 16), v4(100, 64, 0, 0, 10)];

/// IANA's registry of special-purpose addresses: "this" network, link-local, protocol assignments, documentation,
/// 6to4 relays, benchmarking, multicast, reserved and broadcast.
const SPECIAL: [Ipv4Net; 10] = [
    v4(0, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// Services that hand out a machine's credentials and that cloud providers put outside the link-local range: Azure's
/// (among the public addresses), Alibaba's, and those of Amazon and Google over IPv6.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

const UNIQUE_LOCAL: Ipv6Net = v6(0xfc00, 0, 7);

/// Everything that is globally reachable lies in here.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// But not all that lies in there is: protocol assignments with Teredo and benchmarking, documentation (twice), and
/// 6to4, whose addresses name IPv4 addresses to go to.
const SPECIAL_V6: [Ipv6Net; 4] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

/// NAT64: on a network without IPv4, public IPv4 addresses look like this.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

/// Tells how far `address` reaches.
pub(super) fn reach(address: IpAddr) -> Reach {
    // The kernel connects to the IPv4 address that a mapped one names.
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Reach::Special;
    }
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let in_any = |nets: &[Ipv4Net]| nets.iter().any(|net| net.contains(&address));
    if LOOPBACK.contains(&address) {
        Reach::Loopback
    } else if in_any(&PRIVATE) {
        Reach::Private
    } else if in_any(&SPECIAL) {
        Reach::Special
    } else {
        Reach::Global
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if address == Ipv6Addr::LOCALHOST {
        Reach::Loopback
    } else if UNIQUE_LOCAL.contains(&address) {
        Reach::Private
    } else if NAT64.contains(&address) {
        let [.., a, b, c, d] = address.octets();
        // An address after a translator is public, or there is none to name.
        match reach(IpAddr::from([a, b, c, d])) {
            Reach::Global => Reach::Global,
            Reach::Loopback | Reach::Private | Reach::Special => Reach::Special,
        }
    } else if GLOBAL_UNICAST.contains(&address) && !SPECIAL_V6.iter().any(|net| net.contains(&address)) {
        Reach::Global
    } else {
        Reach::Special
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(address: &str) -> Reach {
        reach(address.parse().expect("an address"))
    }

    #[test]
    fn public_addresses_are_global() {
        for address in
            ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "198.20.0.1", "223.255.255.255"]
        {
            assert_eq!(reached(address), Reach::Global, "{address}");
        }
        for address in ["2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "::ffff:8.8.8.8"] {
            assert_eq!(reached(address), Reach::Global, "{address}");
        }
        assert_eq!(reached("64:ff9b::8.8.8.8"), Reach::Global, "a public address behind NAT64");
    }

    #[test]
    fn this_machine_is_loopback_in_every_spelling() {
        for address in ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(reached(address), Reach::Loopback, "{address}");
        }
    }

    #[test]
    fn the_network_around_is_private() {
        for address in ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12::1", "fc00::1"] {
            assert_eq!(reached(address), Reach::Private, "{address}");
        }
        assert_eq!(reached("::ffff:10.0.0.1"), Reach::Private);
    }

    #[test]
    fn metadata_services_are_not_private_but_special() {
        for address in ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"] {
            assert_eq!(reached(address), Reach::Special, "{address}");
        }
    }

    #[test]
    fn tunnels_reserved_ranges_and_groups_are_special() {
        let v4 = ["0.0.0.0", "0.1.2.3", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255"];
        let more = ["198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"];
        let v6 =
            ["::", "::2", "fe80::1", "febf::1", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1"];
        let tunnels = [
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::168.63.129.16",
            "64:ff9b:1::1",
            "2001::1",
            "2001:0:7f00:1::1",
            "2001:2::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
        ];
        for address in v4.iter().chain(&more).chain(&v6).chain(&tunnels) {
            assert_eq!(reached(address), Reach::Special, "{address}");
        }
    }
}
