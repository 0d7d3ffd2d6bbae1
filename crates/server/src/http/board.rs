//! What the pages of the board ask of the server: the same access, the same queue as for RPCs.

use http::{Extensions, HeaderMap};
use pawl_dashboard::{Door, May, Visitor};

use super::Doors;
use crate::access::{Right, waiting};
use crate::request;
use crate::status::denied;

/// The board's way in.
#[derive(Debug)]
pub(super) struct BoardDoor {
    pub(super) doors: Doors,
    /// Whether clients come by TLS.
    pub(super) is_encrypted: bool,
    /// Whether only this machine can connect.
    pub(super) is_local: bool,
}

impl Door for BoardDoor {
    fn visitor(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Visitor, String> {
        let access = self.doors.gate.access.clone();
        let caller = access
            .recognize(headers, extensions)
            .map_err(|reason| denied(&reason).message().to_owned())?;
        let may = |right| caller.may(right);
        Ok(Visitor {
            engine: self.doors.services.of(&caller).engine,
            name: caller.name().map(str::to_owned),
            may: May {
                read: may(Right::Read),
                publish: may(Right::Publish),
                edit: may(Right::EditEntities),
                configure: may(Right::Configure),
            },
            ended: Box::pin(async move { drop(access.ended(&caller).await) }),
        })
    }

    fn place(&self, extensions: &Extensions) -> Result<Box<dyn Send>, String> {
        match self.doors.gate.place(&waiting(extensions)) {
            Ok(place) => Ok(Box::new(place)),
            Err(full) => Err(full.message().to_owned()),
        }
    }

    fn fresh_id(&self) -> String {
        request::fresh()
    }

    fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    fn is_open(&self) -> bool {
        self.is_local && self.doors.gate.access.is_open()
    }
}
