package sillon

// IsDepartement reports whether a text is the code of a département, or of one
// of the collectivities that communes have their codes from: 01 to 95 without
// 20, 2A, 2B, 971 to 978, 986 to 989.
func IsDepartement(code string) bool {
	digit := func(i int) bool { return code[i] >= '0' && code[i] <= '9' }
	switch len(code) {
	case 2:
		return code == "2A" || code == "2B" ||
			digit(0) && digit(1) && code >= "01" && code <= "95" && code != "20"
	case 3:
		return code >= "971" && code <= "978" && digit(2) || code >= "986" && code <= "989" && digit(2)
	}
	return false
}
