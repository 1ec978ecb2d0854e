//! Moving an alias of a model by hand: promoting a version, and going back to one. Endpoints follow as after any other move.

use daybreak_protocol::{AliasHistoryEntry, MoveAliasRequest};
use daybreak_spec::Name;
use daybreak_store::MoveByHand;

use crate::origin::Origin;
use crate::{Error, Server};

impl Server {
    /// Lets an alias point at a version, an older one too; the entry of its history.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a model without versions, [`Error::Refused`] for a version that it does not have;
    /// [`Error::NotNow`] when the alias points there already, or elsewhere than expected.
    pub async fn move_alias(
        &self,
        (model, alias): (&Name, &Name),
        request: MoveAliasRequest,
        from: &Origin,
    ) -> Result<AliasHistoryEntry, Error> {
        let wanted = MoveByHand {
            project: self.deployed()?.name().clone(),
            model: model.clone(),
            alias: alias.clone(),
            version: request.version,
            expected: request.expected,
            reason: request.reason,
            caller: from.caller(request.by),
        };
        Ok(self.store.move_by_hand(wanted).await?)
    }
}
