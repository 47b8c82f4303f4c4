"""Where checkpoints go outside the database: a folder, NATS, a web hook."""

from services.audit.edge.anchors import FolderAnchor, NatsAnchor, WebhookAnchor

__all__ = ["FolderAnchor", "NatsAnchor", "WebhookAnchor"]
