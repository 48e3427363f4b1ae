"""CSV files."""

from fashion.pipeline import tables


def test_a_value_stands_in_the_column_of_its_name(tmp_path):
    path = tmp_path / "table.csv"
    tables.write(path, [{"processor": "AMD", "bits": 0.25}, {"bits": 0.5, "processor": "Intel"}])
    assert path.read_text() == "processor,bits\nAMD,0.25\nIntel,0.5\n"
    assert tables.read(path, ["bits", "processor"]) == {"bits": ["0.25", "0.5"], "processor": ["AMD", "Intel"]}
