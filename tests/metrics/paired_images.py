"""Pairs of images from whole numbers alone, equal wherever they are made."""

import numpy as np


def pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a smooth pattern and a distorted copy of it, uint8 ``[h w 3]``."""
    y, x, c = np.mgrid[:height, :width, :3]
    real = (x * x * (3 + c) + y * y * 2 + x * y * c + 40 * c) % 256
    noise = (y * y * 7 + x * x * 11 + x * y * 5 + c * 13) % 41 - 20
    return real.astype(np.uint8), np.clip(real + noise, 0, 255).astype(np.uint8)


SCIKIT_IMAGE = {
    (24, 31): {
        "rgb": (26.804666751558827, 0.9879257798424194),
        "scikit-image": (26.804666751558827, 0.9876816191182803),
        "y-crop-2": (33.676349570875914, 0.9914718612271466),
        "y-crop-4": (33.613249475265754, 0.991784955913544),
    },
    (40, 40): {
        "rgb": (26.802258989212003, 0.9877480828632493),
        "scikit-image": (26.802258989212003, 0.9876380596999517),
        "y-crop-2": (33.51382208812566, 0.9917699429166891),
        "y-crop-4": (33.45712434280802, 0.991609079001871),
    },
}
"""PSNR and SSIM of `pair` by scikit-image 0.26.0, by size and protocol.

``peak_signal_noise_ratio(..., data_range=255)``, and ``structural_similarity(...,
channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
data_range=255)``, or for "scikit-image" with its defaults; Y is channel 0 of its
``rgb2ycbcr``, cropped.
"""
