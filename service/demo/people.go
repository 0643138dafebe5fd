package demo

import (
	"fmt"
	"strconv"
	"strings"

	"switchboard/db"
	"switchboard/service"
)

// staff are the names of the agents, managers first; the last two are deactivated during the month.
var staff = []string{
	"Helena Brandt", "Marcus Oyelaran", "Ingrid Sørensen",
	"Jonas Albrecht", "Mia Castellanos", "Linh Ngô", "Tobias Grün", "Aylin Demir", "Piotr Zieliński", "Camille Lefèvre",
	"Noah Whitfield", "Sofia Marchetti", "Lukas Steiner", "Amara Diallo", "Björn Håkansson", "Priya Venkatesan", "Mateo Ibáñez",
	"Clara Wünsche", "Yusuf Karaca", "Elif Yıldız", "Daan Verhoeven", "Anouk Peeters", "Kenji Murakami", "Nadia Haddad",
	"Oliver Pemberton", "Zuzana Horáková", "Rasmus Kjær", "Beatriz Guimarães", "Felix Achterberg", "Leonie Krämer",
	"Samuel Okonkwo", "Katarzyna Wróbel", "Emre Şahin", "Fiona MacAllister", "Viktor Lindahl", "Irina Petrova",
	"Johanna Fröhlich", "Theo Marchand", "Saskia Drescher", "Gregor Pohl",
}

const (
	managerCount = 3
	leaverCount  = 2
)

// skills are assigned by index: each agent has at least one.
var skills = []string{"orders", "delivery", "returns", "climbing", "tents", "bikes", "german", "french", "spanish", "billing"}

// family is a set of names from one region, with the formats of its phone numbers.
type family struct {
	first, last []string
	phones      []string // formats, filled with a number of three digits
	language    string   // in which some of its contacts write; empty: all write in English
}

// Phone numbers are of the ranges that regulators keep free for films and examples.
var (
	berlinPhones = []string{"+49 30 23125 %03d"}
	londonPhones = []string{"+44 7700 900%03d", "+44 20 7946 0%03d"}
	parisPhones  = []string{"+33 6 39 98 %02d 0%d"}
)

func kin(first, last string, phones []string, language ...string) family {
	return family{strings.Fields(first), strings.Fields(last), phones, strings.Join(language, "")}
}

var families = []family{
	kin("Anna Lukas Marie Felix Jürgen Käthe Sebastian Annika Moritz Gisela Jörg Franziska Björn Ute Matthias",
		"Müller Schäfer Köhler Weiß Böhm Vogel Krüger Groß Jäger Brückner Hübner Lorenz Möller Seidel Zöllner", berlinPhones, "de"),
	kin("Emily Oliver Charlotte Harry Imogen Callum Niamh Rhys Saoirse Graham Poppy Alistair Siobhán Owen Freya",
		"Hughes Whitmore O’Connell Fairweather Bramley Kershaw Llewellyn Drummond Ashworth Pickering Ferguson Holloway Tierney Sadler Beckett", londonPhones),
	kin("Chloé Mathieu Éloïse Rémi Agnès Théo Margaux Benoît Inès Jérôme Océane François Maëlle Gaël Noémie",
		"Lefebvre Moreau Dubois Gauthier Chevallier Bérenger Rousseau Béranger Lemaître Faucher Périgord Delacroix Tessier Vasseur Aubry", parisPhones, "fr"),
	kin("José Lucía Álvaro Martina Íñigo Pilar Sergio Ximena Andrés Concepción Raúl Begoña Hernán Núria Joaquín",
		"Hernández Muñoz Ibarra Peña Gutiérrez Zúñiga Castaño Ordóñez Vázquez Carrión Múgica Solís Benítez Quiñones Echeverría", nil, "es"),
	kin("Søren Astrid Mads Freja Åge Kirsten Rasmus Sidsel Øyvind Ingeborg Bjørn Marit Håkon Signe Jørgen",
		"Nørgaard Østergaard Lund Kjær Bækgaard Haugen Mikkelsen Ødegård Solbakken Thorsen Rønning Lærke Vestergaard Aas Hjort", berlinPhones),
	kin("Łukasz Agnieszka Paweł Małgorzata Zbigniew Kinga Michał Bożena Grzegorz Ewa Wojciech Zofia Tomasz Jadwiga Stanisław",
		"Kowalczyk Wiśniewski Dąbrowska Wójcik Zając Górski Pawłowska Szymański Kaźmierczak Błaszczyk Rutkowska Śliwa Gołębiewski Żak Mróz", berlinPhones),
	kin("Thảo Minh Hương Đức Linh Quân Ngọc Tuấn Mai Bình Yến Phong Trang Sơn Lan",
		"Ngô Nguyễn Trần Phạm Đặng Lê Bùi Võ Hoàng Đỗ Dương Lý Hồ Phan Trịnh", berlinPhones),
	kin("Ayşe Mehmet Zeynep Çağlar Gülşen Oğuz Şebnem Kerem İpek Barış Tuğba Emir Özlem Hakan Defne",
		"Yılmaz Öztürk Çelik Şimşek Kılıç Güneş Aydın Doğan Koç Arslan Bozkurt Çetin Ünal Korkmaz Ateş", berlinPhones),
	kin("Giulia Matteo Chiara Niccolò Federica Lorenzo Beatrice Simone Ludovica Davide Ginevra Tommaso Elisa Renzo Nicolò",
		"Bianchi Ferrari Esposito D’Angelo Ricci Marchesi Conti Galli Fontana Rizzo Caruso Moretti Barbieri Sartori Colombo", nil),
	kin("Jiří Tereza Ondřej Eliška Matěj Kateřina Vojtěch Adéla Tomáš Zdeňka Petr Lenka Štěpán Markéta Václav",
		"Novák Dvořáková Černý Procházka Růžička Němcová Šimek Beneš Kučera Fišer Hájek Vlček Pokorná Říha Ďurica", berlinPhones),
	kin("Aarav Ananya Rohan Meera Kabir Ishita Vikram Lakshmi Arjun Divya Nikhil Sunita Farhan Zara Dev",
		"Sharma Iyer Banerjee Kapoor Reddy Nair Chaudhary Joshi Malhotra Khan Mukherjee Pillai Desai Rao Bose", londonPhones),
	kin("Yuki Haruto Sakura Ren Aiko Daichi Emi Kaito Naoko Sho Hana Takumi Mio Riku Asuka",
		"Tanaka Watanabe Kobayashi Itō Yamamoto Satō Nakamura Saitō Fujii Ōkubo Mori Hayashi Endō Ueda Kimura", nil),
	kin("João Mariana Tiago Inês Gonçalo Conceição Rui Leonor Vitória Simão Luísa Duarte Assunção Nuno Fátima",
		"Guimarães Araújo Conceição Magalhães Simões Teixeira Falcão Brandão Sá Antunes Pacheco Queirós Lourenço Figueiró Vilaça", nil),
	kin("Eero Aino Väinö Siiri Jyrki Päivi Mikko Hellevi Lauri Kaisa Åsa Göran Märta Örjan Sölve",
		"Mäkinen Järvinen Hämäläinen Lehtonen Söderström Öberg Åkerlund Nyström Rantala Koskinen Bäckman Sjögren Ylönen Wallin Ekström", berlinPhones),
}

// Viewers returns the e-mail addresses of the agents for whom development tokens are printed: a
// manager and two agents, all online.
func Viewers() []string {
	return []string{emailOf(staff[0]), emailOf(staff[managerCount]), emailOf(staff[managerCount+1])}
}

// avatarCount is how many pictures of people the server has.
const avatarCount = 12

// avatarOf returns the address of one of the pictures that the server has: a path, as nobody knows
// under which name the server will be reached.
func avatarOf(i int) string { return fmt.Sprintf("/avatars/%d.svg", 1+i%avatarCount) }

func emailOf(name string) string {
	first, last, _ := strings.Cut(name, " ")
	return plain(first) + "." + plain(last) + "@example.com"
}

// hire adds the agents and their steps: all are created on the first day, and set their
// availability today.
func (d *demo) hire() {
	for i, called := range staff {
		address := emailOf(called)
		picture := avatarOf(i)
		a := &db.Agent{
			ID: db.AgentID{UUID: db.NewUUID()}, Name: called, Email: &address, AvatarURL: &picture, Role: db.RoleAgent,
			Skills: skillsOf(i), Availability: db.Offline, Active: true, CreatedAt: d.end.Add(-age),
		}
		if i < managerCount {
			a.Role = db.RoleManager
		}
		d.agents = append(d.agents, a)
		d.steps = append(d.steps, step{at: -age, do: stepHire, agent: a})
		switch present := availabilityOf(i); {
		case i >= len(staff)-leaverCount:
			d.steps = append(d.steps, step{at: -hours(14 + 200*(i%2)), do: stepLeave, agent: a})
		case present != db.Offline:
			d.steps = append(d.steps, step{at: -d.between(minutes(3), hours(9)), do: stepPresence, agent: a, availability: present})
		}
	}
}

// availabilityOf returns the availability of an agent by index: the first ones, for whom tokens are
// printed, and about half of the others are online.
func availabilityOf(i int) db.Availability {
	switch {
	case i < managerCount+2 || i%3 == 0 || i%5 == 1:
		return db.Online
	case i%5 == 2 || i%7 == 1:
		return db.Away
	}
	return db.Offline
}

// skillsOf returns the skills of an agent by index: one or two, which differ because of the odd
// offset.
func skillsOf(i int) []string {
	own := []string{skills[i%len(skills)]}
	if i%2 == 0 {
		own = append(own, skills[(i*3+5)%len(skills)])
	}
	return own
}

// meet returns an invented contact, which a later step creates.
func (d *demo) meet() *guest {
	k := pick(d, families)
	first, last := pick(d, k.first), pick(d, k.last)
	g := &guest{Thread: &service.Thread{Contact: &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Name: first + " " + last, Version: 1}}}
	if d.chance(45) {
		g.language = k.language
	}
	handle := d.unique(plain(first) + pick(d, []string{".", "_", ""}) + plain(last))
	address := handle + pick(d, []string{"@example.com", "@example.org", "@example.net"})
	phone := d.phone(k)
	if d.chance(15) {
		picture := avatarOf(len(handle))
		g.Contact.AvatarURL = &picture
	}
	if d.chance(55) {
		g.Contact.Phone = phone
	}
	if d.chance(80) {
		g.Contact.Email = &address
	}
	ways := map[string]func() string{
		"email":     func() string { g.Contact.Email = &address; return address },
		"whatsapp":  func() string { g.Contact.Phone = phone; return strings.ReplaceAll(*phone, " ", "") },
		"chat":      func() string { return d.unique("visitor-" + strconv.Itoa(100_000+d.random.IntN(900_000))) },
		"instagram": func() string { return "@" + handle },
	}
	channels := []string{"email", "email", "email", "chat", "chat", "instagram"}
	if phone != nil {
		channels = append(channels, "whatsapp", "whatsapp", "whatsapp", "whatsapp")
	}
	g.channel = pick(d, channels)
	known := []string{g.channel}
	if other := pick(d, channels); other != g.channel && d.chance(40) {
		known = append(known, other)
	}
	for _, channel := range known {
		g.identities = append(g.identities, &db.ContactIdentity{Channel: channel, ExternalID: ways[channel](), ContactID: g.Contact.ID})
	}
	return g
}

// phone returns the next unused number of a family; nil if none is left.
func (d *demo) phone(k family) *string {
	for _, format := range k.phones {
		if n := d.taken[format]; n < 1000 {
			d.taken[format]++
			number := fmt.Sprintf(format, n)
			if strings.Count(format, "%") > 1 {
				number = fmt.Sprintf(format, n/10, n%10)
			}
			return &number
		}
	}
	return nil
}

// unique returns the name, with a number appended if it was used before.
func (d *demo) unique(name string) string {
	d.taken[name]++
	if n := d.taken[name]; n > 1 {
		return d.unique(name + strconv.Itoa(n))
	}
	return name
}

// plainLetters replaces the letters of the names above by plain ones.
var plainLetters = strings.NewReplacer(pairs(map[string]string{
	"a": "áàâãäåăạảấầậặą", "ae": "æ", "c": "çćč", "d": "đðď", "e": "éèêëęěếềệễẹ", "g": "ğ", "h": "ħ", "i": "íìîïıịĩ",
	"l": "ł", "n": "ñńňņ", "o": "óòôõöøōơốồộỗọ", "oe": "œ", "r": "řŕ", "s": "śšş", "ss": "ß", "t": "ťţ",
	"u": "úùûüůūưứừựụũ", "y": "ýÿỳỹ", "z": "źżž", "": "’' -",
})...)

func pairs(groups map[string]string) (all []string) {
	for letter, marked := range groups {
		for _, r := range marked {
			all = append(all, string(r), letter)
		}
	}
	return all
}

// plain returns a name in the letters of an address.
func plain(name string) string { return plainLetters.Replace(strings.ToLower(name)) }
