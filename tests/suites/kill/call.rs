//! A call, kept so that it can be made again the same.

use pawl_api::pb;
use pawl_tests::Client;
use tonic::Status;

/// A call that writes.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Publish(pb::Event),
    Create(pb::CreateEntityRequest),
    Update(pb::UpdateEntityRequest),
    Move(pb::MoveEntityRequest),
    Delete(pb::DeleteEntityRequest),
    CreateTrigger(pb::CreateTriggerRequest),
    UpdateTrigger(pb::UpdateTriggerRequest),
    DeleteTrigger(pb::DeleteTriggerRequest),
    UpdatePipeline(pb::UpdatePipelineRequest),
}

/// What came of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Published(pb::EventOutcome),
    Created(pb::Entity),
    Updated(pb::UpdateEntityResponse),
    Moved(Box<pb::MoveEntityResponse>),
    Deleted,
    Trigger(pb::Trigger),
    TriggerDeleted,
    Pipeline(pb::Pipeline),
}

impl Call {
    /// Makes it.
    pub(crate) async fn make(&self, client: &Client) -> Result<Answer, Status> {
        let (mut entities, mut triggers) = (client.entities.clone(), client.triggers.clone());
        Ok(match self.clone() {
            Self::Publish(event) => Answer::Published(client.try_publish(event).await?),
            Self::Create(request) => {
                let created = entities.create_entity(request).await?.into_inner();
                Answer::Created(created.entity.expect("it is given"))
            }
            Self::Update(request) => {
                Answer::Updated(entities.update_entity(request).await?.into_inner())
            }
            Self::Move(request) => {
                Answer::Moved(Box::new(entities.move_entity(request).await?.into_inner()))
            }
            Self::Delete(request) => {
                entities.delete_entity(request).await?;
                Answer::Deleted
            }
            Self::CreateTrigger(request) => {
                let created = triggers.create_trigger(request).await?.into_inner();
                Answer::Trigger(created.trigger.expect("it is given"))
            }
            Self::UpdateTrigger(request) => {
                let updated = triggers.update_trigger(request).await?.into_inner();
                Answer::Trigger(updated.trigger.expect("it is given"))
            }
            Self::DeleteTrigger(request) => {
                triggers.delete_trigger(request).await?;
                Answer::TriggerDeleted
            }
            Self::UpdatePipeline(request) => {
                let updated = client.pipelines.clone().update_pipeline(request).await?;
                Answer::Pipeline(updated.into_inner().pipeline.expect("it is given"))
            }
        })
    }

    /// Whether making it again the same gives the first answer: it has an identity.
    pub(crate) fn has_identity(&self) -> bool {
        match self {
            Self::Publish(_) => true,
            Self::Create(request) => !request.request_id.is_empty(),
            Self::Update(request) => !request.request_id.is_empty(),
            Self::Move(request) => !request.request_id.is_empty(),
            Self::CreateTrigger(request) => !request.request_id.is_empty(),
            Self::Delete(_)
            | Self::UpdateTrigger(_)
            | Self::DeleteTrigger(_)
            | Self::UpdatePipeline(_) => false,
        }
    }

    /// The same identity with other content, where it has one and the content can differ.
    pub(crate) fn forged(&self) -> Option<Self> {
        match self.clone() {
            Self::Publish(event) => {
                let actor = format!("{}, really", event.actor);
                Some(Self::Publish(pb::Event { actor, ..event }))
            }
            Self::Update(request) if !request.request_id.is_empty() => {
                let actor = format!("{}, really", request.actor);
                Some(Self::Update(pb::UpdateEntityRequest { actor, ..request }))
            }
            Self::Move(request) if !request.request_id.is_empty() => {
                let comment = format!("{}, really", request.comment);
                Some(Self::Move(pb::MoveEntityRequest { comment, ..request }))
            }
            _ => None,
        }
    }

    pub(crate) fn is_event(&self) -> bool {
        matches!(self, Self::Publish(_))
    }
}
