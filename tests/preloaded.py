"""What every process that a test starts would import first; only `processes` imports this.

Nothing is here that starts threads when it is imported, as polars does: a fork would lack them.
"""

from __future__ import annotations

import gc
import importlib

from transformers.conversion_mapping import get_checkpoint_conversion_mapping

MODULES = (
    *("torch.utils.tensorboard", "sklearn.linear_model", "faiss", "matplotlib.figure"),
    *("transformers.trainer", "peft", "sentence_transformers"),
    *("transformers.models.bert.modeling_bert", "transformers.models.bert.tokenization_bert"),
    *("transformers.models.gpt2.modeling_gpt2", "typer", "rich", "datasketch"),
    *("fastapi", "uvicorn", "httpx", "prometheus_client", "opentelemetry.sdk.metrics"),
    *("alembic.command", "sqlalchemy.dialects.sqlite", "redis.asyncio"),
    *("common.tuning.finetune", "apps.customer_service.train", "apps.customer_service.server"),
    *("apps.finance_monitor.train", "apps.finance_monitor.server"),
)

for name in MODULES:
    importlib.import_module(name)
# Compiles some 700 patterns.
get_checkpoint_conversion_mapping("bert")
gc.freeze()
