"""Versions of the network under a name, registered, promoted and fetched as docs/sharing.md says."""


def test_versions_are_registered_promoted_and_fetched_by_name(ran, tmp_path):
    clone = ran.copy(tmp_path / "clone")
    clone.git("config", "user.name", "test")
    clone.git("config", "user.email", "test@localhost")
    clone.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))

    def run(*command: str) -> None:
        done = clone.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr

    networks = {}

    def register(version: str) -> None:
        clone.dvc("push", "train@model")
        clone.git("commit", "--quiet", "--all", "--message", version)
        run("gto", "register", "fashion-cnn", "--version", version)
        networks[version] = (clone.path / "models/model.keras").read_bytes()

    register("v1.0.0")
    (clone.path / "models/model.keras").write_bytes(b"another network")
    clone.dvc("commit", "--force", "train@model")
    register("v1.1.0")
    run("gto", "assign", "fashion-cnn", "--version", "v1.0.0", "--stage", "prod")

    for words, version in ((), "v1.1.0"), (("--rev", "v1.0.0"), "v1.0.0"), (("--stage", "prod"), "v1.0.0"):
        fetched = tmp_path / "-".join(("fetched", *words))
        run("dvc", "artifacts", "get", str(clone.path), "fashion-cnn", *words, "--out", str(fetched))
        assert fetched.read_bytes() == networks[version]
    assert networks["v1.0.0"] != networks["v1.1.0"]
