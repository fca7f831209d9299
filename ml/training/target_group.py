"""How much of the background is target-group background.

Records lie where people looked. Records of other species share this sampling bias, so background drawn at their places
cancels it (Phillips et al. 2009, doi 10.1890/07-2153.1). It also removes from a model what all species of the group
have in common. Random background keeps that, and covers the land that nobody visited.

Held-out records cannot choose the share, because they carry the same bias. It follows from the bias between species, by
a rule that was chosen on virtual species, whose suitability and bias are known (`benchmarks.virtual.shares`; decision
004).
"""

from __future__ import annotations

import numpy as np

from ml.training.background_weight import BiasStrength

LEAST_SHARE = 0.5
WEAK, STRONG = 0.6, 0.85
"""AUC between species up to which the share is least, and from which all background is target group."""


def share_for(bias: BiasStrength | None) -> float:
    """Return the share of target-group background for a group.

    It rises in proportion between `WEAK` and `STRONG`.

    Parameters
    ----------
    bias : BiasStrength or None
        None, or one without an AUC between species, gives the least share.

    Returns
    -------
    float
        `LEAST_SHARE` to 1, to two decimals.
    """
    if bias is None or bias.between_species is None:
        return LEAST_SHARE
    part = float(np.clip((bias.between_species - WEAK) / (STRONG - WEAK), 0, 1))
    return round(LEAST_SHARE + (1 - LEAST_SHARE) * part, 2)
