//! Addresses: the client's own or a forwarded one, and where they are.

use std::net::IpAddr;

use super::inspect::{Halt, Inspection};
use crate::ip;
use crate::statement::{Fallback, ForwardedIp, ForwardedPosition};

/// An address, or what its absence decides.
pub(super) enum Address {
    Known(IpAddr),
    Fallback(bool),
}

impl Inspection<'_, '_> {
    /// The country, and its labels on the request.
    pub(super) fn geo(&mut self, address: IpAddr, forwarded: bool) -> Option<String> {
        let origins = self.acl.origins.as_ref()?;
        let source = if forwarded { "forwardedip" } else { "clientip" };
        let country = origins.country(address)?;
        self.pending
            .push(format!("awswaf:{source}:geo:country:{country}"));
        if let Some(region) = origins.region(address) {
            self.pending
                .push(format!("awswaf:{source}:geo:region:{country}-{region}"));
        }
        Some(country.to_owned())
    }

    pub(super) fn asn(&self, address: IpAddr) -> Option<u32> {
        self.acl.origins.as_ref()?.asn(address)
    }

    pub(super) fn address(&self, forwarded: Option<&ForwardedIp>) -> Result<Address, Halt> {
        match forwarded {
            None => Ok(Address::Known(self.request.client)),
            some => self.forwarded(some),
        }
    }

    /// The first address of the header.
    pub(super) fn forwarded(&self, config: Option<&ForwardedIp>) -> Result<Address, Halt> {
        let config = config.ok_or(Halt::NotApplicable)?;
        let header = self.forwarded_header(config)?;
        let address = ip::forwarded(&header).next().flatten();
        Ok(address.map_or(
            Address::Fallback(config.fallback == Fallback::Match),
            Address::Known,
        ))
    }

    pub(super) fn forwarded_in(
        &self,
        set: &ip::IpRanges,
        config: &ForwardedIp,
        position: ForwardedPosition,
    ) -> Result<bool, Halt> {
        let header = self.forwarded_header(config)?;
        let fallback = config.fallback == Fallback::Match;
        let contains =
            |address: Option<IpAddr>| address.map_or(fallback, |address| set.contains(address));
        Ok(match position {
            ForwardedPosition::First => contains(ip::forwarded(&header).next().flatten()),
            ForwardedPosition::Last => contains(ip::forwarded(&header).next_back().flatten()),
            ForwardedPosition::Any => {
                let mut valid = ip::forwarded_any(&header).flatten().peekable();
                if valid.peek().is_none() {
                    fallback
                } else {
                    valid.any(|address| set.contains(address))
                }
            }
        })
    }

    /// All values of the header, as if they were one.
    pub(super) fn forwarded_header(&self, config: &ForwardedIp) -> Result<Vec<u8>, Halt> {
        let values: Vec<&[u8]> = self.request.header(&config.header).collect();
        if values.is_empty() {
            Err(Halt::NotApplicable)
        } else {
            Ok(values.join(&b","[..]))
        }
    }
}
