"""FID, KID, Inception score, precision, recall: torch-fidelity's, from the images on.

The weights are random, of the real network's shapes; each side resizes, normalises,
sees and judges by itself.
"""

import jax
import numpy as np
import pytest

from jaxgan.data import pictures
from jaxgan.evaluation import quality, seen
from jaxgan.metrics import frechet, inception, kernel_distance, prdc
from jaxgan.metrics.features import inception as network
from jaxgan.metrics.features import load
from tests.metrics.features.random_weights import random_arrays

COUNT = 40


def _images(seed):
    """Blotches of few colours, which differ more than noise does."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (COUNT, 3, 3, 3), np.uint8)
    return coarse.repeat(16, axis=1).repeat(16, axis=2)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch = pytest.importorskip("torch")
    arrays = random_arrays(network.shapes(), 0)
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save({name: torch.from_numpy(a) for name, a in arrays.items()}, path)
    return path


def _ours(weights, *sets):
    extractor = load(f"inception:{weights}")
    wanted = {seen.FEATURES, seen.LOGITS}
    named = zip(sets, ("real", "fake"), strict=True)
    looked = [
        seen.look(extractor, pictures.of_array(images, name), wanted)
        for images, name in named
    ]
    return quality.Pair(extractor, *looked, jax.random.key(0))


def test_metrics_of_two_sets_are_torch_fidelitys(weights, torch_fidelity):
    import torch

    real, fake = _images(0), _images(1)
    pair = _ours(weights, real, fake)
    extractor = torch_fidelity(
        "feature_extractor_inceptionv3"
    ).FeatureExtractorInceptionV3(
        "inception-v3-compat",
        ["2048", "logits_unbiased"],
        feature_extractor_weights_path=str(weights),
    )
    with torch.no_grad():
        theirs = [
            extractor(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
            for images in (real, fake)
        ]
    (real_2048, _), (fake_2048, fake_logits) = theirs
    of = lambda found: found.value

    fid = torch_fidelity("metric_fid")
    # Of some features: its eigenvalues of a product of 2048 x 2048 take two minutes.
    stats = [
        fid.fid_features_to_statistics(each[:, ::8]) for each in (real_2048, fake_2048)
    ]
    expected = fid.fid_statistics_to_metric(*stats, verbose=False)
    found = frechet.distance(
        pair.real.features[:, ::8],
        pair.fake.features[:, ::8],
        features="x",
        resamples=0,
    )
    np.testing.assert_allclose(
        of(found), expected["frechet_inception_distance"], rtol=1e-5
    )
    # These weights are not those whose distance is called FID.
    assert "not FID" in quality.judge(["fid"], pair)["fid"].name

    kid = torch_fidelity("metric_kid")
    how = {"kid_subsets": 1, "kid_subset_size": COUNT, "verbose": False}
    kernel = {"kid_degree": 3, "kid_gamma": None, "kid_coef0": 1, "rng_seed": 0}
    expected = kid.kid_features_to_metric(real_2048, fake_2048, **how, **kernel)
    found = kernel_distance.distance(
        pair.real.features,
        pair.fake.features,
        features="x",
        subsets=1,
        subset_size=COUNT,
        resamples=0,
    )
    np.testing.assert_allclose(
        of(found), expected["kernel_inception_distance_mean"], atol=1e-6, rtol=1e-5
    )

    isc = torch_fidelity("metric_isc")
    expected = isc.isc_features_to_metric(fake_logits, splits=1)
    powers = np.exp(pair.fake.logits.astype(np.float64))
    shares = powers / powers.sum(axis=1, keepdims=True)
    found = inception.score(shares, classifier="x", splits=1, resamples=0)
    np.testing.assert_allclose(of(found), expected["inception_score_mean"], rtol=1e-5)

    prc = torch_fidelity("metric_prc")
    how = {"prc_neighborhood": 3, "verbose": False}
    expected = prc.prc_features_to_metric(fake_2048, real_2048, **how)
    found = prdc.measure(
        pair.real.features, pair.fake.features, features="x", neighbours=3, resamples=0
    )
    assert of(found.precision) == pytest.approx(expected["precision"])
    assert of(found.recall) == pytest.approx(expected["recall"])
