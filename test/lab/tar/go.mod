module lab/tar

go 1.21
