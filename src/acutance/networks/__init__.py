"""The architectures, by the name a model file carries."""

from acutance.networks.compact import Compact

NETWORKS = {"compact": Compact}
