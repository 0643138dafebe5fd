package demo

// scriptText is the conversations of the demo workspace, in the form that parseScripts reads.
const scriptText = `
= Order
< Can I still change the size of the {garment} in order {order}? I need one size up. | I ordered the {garment} too small, order {order}. Can you change it before it ships?
> Good timing: {order} has not been packed yet. I have changed the size for you. | That worked, {order} now has the larger size. You get a new confirmation by mail.
< Brilliant, thank you! | Perfect, thanks for the quick help.
. Changed the size before packing. | Size swapped, no extra cost.

= Order
< I placed order {order} twice by accident. Please cancel one of them. | My order {order} shows up twice in my account. I only want it once.
> I see both. I have cancelled the second one, and the {amount} goes back the way you paid.
< How long does that take?
> Two to three working days, depending on your bank.
< Fine, thank you.
. Cancelled the duplicate and refunded it.

= Order
< Did my order go through? I paid but got no confirmation. | I paid {amount} on {day} and never got a mail from you. Is the order there?
> It did go through: your number is {order}. The confirmation went to your spam folder or to an old address. Which one should we use? | Yes, your order is {order}. I have just sent the confirmation again.
< Found it, it was in spam. Sorry! | Got it now. Thank you.
. Sent the confirmation again.

= Order
< Can you add a pair of Cairn trekking poles to {order}, please? | Is it possible to add something to order {order} so that I pay shipping once?
> Adding is not possible, but I can start a second order without shipping costs. Shall I do that?
< Yes please, that would be great.
> Done. The payment link is on its way, both parcels travel together.
. Second order with free shipping.

= Order
< The voucher code from your newsletter does not work at checkout. | My voucher is refused although it is valid until {day}.
> The voucher is for orders above 80 euros, without sale items. With the {product} alone it should work.
< Ah, the sale items. It works now.
. Explained the voucher's conditions.

= Order
< We are a scout group and need 14 pieces of the {garment}. Is there a discount for groups? | Do you offer a discount for clubs? We would take a dozen of the {garment}.
> We do: 12 % from ten pieces. I can send you an offer if you tell me the sizes and where to deliver.
< Six in M, eight in L, delivered to {city}.
> The offer is in your inbox and valid for two weeks.
< We will decide at our next meeting. Thanks a lot!
. Sent an offer for a group order.

= Order
< When will the {product} be back in stock? | The {product} has been sold out for weeks. Is it coming back?
> The next delivery should arrive on {day}. If you like, I will reserve one for you. | We expect it within ten days. You can set a reminder on the product's page.
< Please reserve one, in black if there is a choice. | A reminder is enough, thanks.
. Reserved from the next delivery. | Told about the reminder.

= Delivery
< Where is my parcel? Order {order} was supposed to be here on {day}. | Order {order} has not moved for five days according to the tracking. | My order {order} still has not arrived in {city}.
> I am sorry about the wait. The carrier has it in {city} and tries again on {day}. | It got stuck at the depot in {city}. I have asked the carrier to send it on with priority.
< Okay, I will wait until then. | Thank you, I hope it works this time.
> I will keep an eye on it and write to you if anything changes.
< It has just arrived. Thanks for staying on it!
. Parcel late, delivered in the end. | Chased the carrier.

= Delivery
< The tracking says delivered, but there is nothing here. Order {order}. | Your driver claims I signed for {order}. I did not, I was in {city} all day.
> That should not happen. Could you ask the neighbours, please? Meanwhile I open an investigation.
< I asked everybody in the house. Nothing.
> Thank you for checking. I am sending a new one today at no cost, {product} included.
< That is very kind of you.
. Lost parcel, sent a replacement. | Investigation opened with the carrier, replacement sent.

= Delivery
< I have moved. Can {order} go to my new address in {city}? | Wrong address on {order}, sorry! It should go to {city}.
> No problem, it is not out yet. Please send me the full new address. | It is with the carrier already, but I can redirect it. What is the new address?
< I have put it into my account, the one in {city}.
> Got it, changed. Delivery is on {day}.
. Address changed.

= Delivery
< Do you ship to Iceland, and what does it cost? | What does shipping to Switzerland cost, and who pays customs?
> We do. It is 18 euros and takes about a week. Customs are already in the price you see. | Shipping there is 14 euros. Customs are settled at checkout, nothing is due at the door.
< Good to know, then I will order today.
. Answered a question on shipping abroad.

= Delivery
< Only half of {order} was in the box. The {product} is missing. | One thing is missing from my parcel, the {product}.
> It travels in a second parcel from another warehouse and should be there on {day}. | I am sorry, it was forgotten at packing. I am sending it today.
< Thanks, I did not see the second tracking number.
. Second parcel. | Sent the missing item.

= Delivery
< Can I pick {order} up at a parcel shop instead? I am never at home. | Could the driver leave {order} with the bakery downstairs?
> I have told the carrier. You get a code by text message when it is there.
< Wonderful, thanks!
. Redirected to a parcel shop.

= Delivery
< The parcel arrived soaked and the box is torn. Order {order}. | The box of {order} looks as if somebody jumped on it.
> Oh no. Is the {product} itself damaged? A photo would help me with the carrier.
< Here is the photo. The inside is fine, luckily.
> Glad to hear it. I have reported it, and here are 10 euros for the fright on your next order.
. Damaged box, contents fine, voucher given.

= Return & refund
< How do I send the {garment} back? It does not fit. | I would like to return the {garment} from order {order}.
> No problem. The label is in your account under {order}; drop the parcel at any shop of the carrier.
< And when do I get my {amount} back?
> Within three days after it has arrived here.
< Great, thanks.
. Explained the return. | Sent the return label.

= Return & refund
< My return for {order} arrived at your place a week ago. Where is my money? | I am still waiting for my refund of {amount}, order {order}.
> I have looked: it was booked in on {day}, the refund of {amount} went out this morning. | Sorry, it got stuck in the check. I have released the {amount} just now.
< I see it, thank you.
. Refund released. | Refund was on its way.

= Return & refund
< I want to exchange the {garment} for another colour. | Can I swap the {garment} for the green one?
> Gladly. Send the old one back with the label attached, and I reserve the other one for you.
< It is in the mail.
> The new one leaves today, have fun with it!
. Exchanged for another colour.

= Return & refund
< I was charged {amount} twice for {order}! | There are two payments of {amount} on my card for one order.
> One of the two is only a reservation and will disappear in a few days. | You are right, that was our mistake. The second {amount} is on its way back.
< Please make sure that it does, this is a lot of money for me.
> I promise. I have set myself a reminder for {day} and will check.
< It is back on my account. Thank you for following up.
. Double charge returned.

= Return & refund
< I am past the 30 days with the {product}, never used. Any chance of a return? | Is a return after five weeks still possible? I was in hospital.
> We can make an exception and give you a voucher over {amount}.
< That is more than I hoped for. Thank you!
. Voucher as a favour.

= Return & refund
< The zip of my {garment} broke after two weeks. | The seam of the {garment} came apart on the first trip. I expected more.
> That is not the quality we want. Would you prefer a repair, a new one or your money back?
< A new one, please.
> It is on its way, and you can keep the old one or recycle it in our shop in {city}.
< Super service, thanks.
. Warranty: sent a new one. | Warranty case, replaced.

= Return & refund
< Can I return something that I bought in your shop in {city} by mail? | I bought the {product} in the shop. Can I send it back?
> Yes, put the receipt in the parcel and it will be paid back to your card.
. Explained the return by mail.

= Account
< I cannot log in, the reset mail never comes. | The link to reset my password is always expired.
> Your account still has an old address. Which one should I set? | I have reset it from here: the new link works for one hour.
< I am in, thanks! | That one worked.
. Password reset. | Corrected the mail address, reset sent.

= Account
< Please delete my account and all my data. | I want you to erase everything that you know about me.
> I will. Invoices have to be kept by law, everything else is gone within 30 days. May I go ahead?
< Yes, go ahead.
> It is set in motion, you get a confirmation by mail.
. Erasure under data protection law started.

= Account
< How do I change my mail address? | I have a new mail address, where do I put it?
> Under Account, Sign-in. You confirm it from the new address.
< Done, that was easy.
. Explained how to change the address.

= Account
< I still get your newsletter although I have unsubscribed three times. | Please take me off the newsletter.
> Sorry for the trouble, I have taken you off by hand. One that is on its way already may still come.
< Okay.
. Unsubscribed by hand.

= Account
< My points from order {order} are missing. | Why do I have no points for my last purchase?
> Points come after the 30 days in which you can return things. Yours arrive on {day}.
< I did not know that, thanks.
. Explained when points come.

= Account
< I need an invoice with our company's tax number for {order}. | Can you put our company on the invoice of {order}?
> Of course. What is the exact name and tax number?
< I have entered both in the account.
> The corrected invoice is in your inbox.
< Thank you, our accountants are happy now.
. Corrected the invoice.

= Product question
< Is the {garment} warm enough for minus ten degrees? | Would you take the {garment} on a winter trip to Lapland?
> With a warm layer under it, yes. Below minus fifteen I would take the next model up.
< It is for {city} in January, so that should do. Thanks!
. Advice on warmth.

= Product question
< What size do I need in the {garment}? I am 1.78 m and 74 kg. | Does the {garment} run small? I am between two sizes.
> It is cut rather slim, so M if you wear little under it, else L. | I would take the larger one, then there is room for a fleece.
< I will take the larger one.
> Good choice. And if it does not fit, the exchange is free.
. Advice on sizes.

= Product question
< How do I wash the {garment} without ruining it? | Can the {garment} go into the washing machine?
> Thirty degrees, no softener, and hang it up to dry. Once a year it likes a new impregnation.
< Which one do you recommend?
> The one without fluorine that we sell, it is enough for about four washes.
< Ordered. Thank you for the tip.
. Advice on care.

= Product question
< Can I get spare parts for the {product}? I lost one of the buckles. | A pole of my tent snapped in a storm. Do you sell single ones?
> We do. Send me a photo of the broken piece and I will find the part.
< Here it is, with a ruler next to it.
> That is part {ticket}. I am sending it for free, it is only a little thing.
< You have made my day!
. Sent a spare part.

= Product question
< What is the difference between the {garment} and the one from last year? | Is the new {garment} worth the extra money?
> It is 180 grams lighter and has a better zip. If weight does not matter, the old one is a bargain.
< Then I save the money. Honest advice, thanks!
. Compared two models.

= Product question
< Is the {product} made without animal products? | Where is the {product} made, and under which conditions?
> It is made in Portugal without anything from animals, and the report of the last audit is on its page.
< That helps me decide, thank you.
. Question on materials and origin.

= Product question
< Do you repair the {garment} too? Mine is eleven years old and I love it. | My {garment} has a hole from a spark. Can your workshop mend it?
> They can. It costs about 25 euros and takes ten days. Shall I send you a label?
< Yes please!
> It is in your inbox. Put a note with the number {ticket} into the parcel.
. Repair arranged.

= Other
< Are you hiring? I would love to work in your shop in {city}. | Do you take interns in your workshop?
> Often! All openings are on our website under Jobs. Good luck!
. Pointed to the jobs page.

= Other
< Your colleague in the shop in {city} was so patient with my kids. Please pass on my thanks! | I just wanted to say that the {product} survived a whole season on the trail. Great stuff.
> That is lovely to read, I have passed it on to the team. | Thank you for taking the time to tell us!
. Praise, passed on.

= Other
< When is the shop in {city} open on {day}? | Do I need an appointment for a boot fitting in {city}?
> It is open from ten to seven, no appointment needed.
< See you there.
. Opening hours.

= Other
< I left my scarf in your shop in {city} on {day}. It is yellow. | Did somebody find a child's glove in your shop in {city}?
> I have asked, and it is at the till waiting for you.
< Hooray, I will come by.
. Lost and found.

~ de Delivery
< Guten Tag, wo bleibt meine Bestellung {order}? Sie sollte längst da sein. | Hallo, die Sendung {order} hängt seit Tagen fest. Können Sie nachsehen?
> Hallo {name}, das tut mir leid. Das Paket liegt im Depot und wird morgen zugestellt. Viele Grüße, {agent}
< Danke für die schnelle Antwort!
. Paket verspätet, Zusteller angemahnt.

~ de Return & refund
< Guten Morgen, ich möchte {order} zurückgeben, die Größe passt leider nicht. | Hallo, wie schicke ich etwas aus {order} zurück?
> Guten Tag {name}, das Etikett finden Sie in Ihrem Konto unter {order}. Herzliche Grüße, {agent}
< Gefunden, vielen Dank.
> Sehr gerne! Die Erstattung kommt, sobald das Paket bei uns ist.
. Rücksendung erklärt.

~ de Account
< Hallo, ich komme nicht mehr in mein Konto. | Guten Abend, mein Passwort wird nicht mehr angenommen.
> Hallo {name}, ich habe es zurückgesetzt, der neue Link gilt eine Stunde. Viele Grüße, {agent}
< Hat geklappt, danke!
. Passwort zurückgesetzt.

~ de Product question
< Guten Tag, gibt es für das Modell {product} Ersatzteile? | Hallo, kann man bei Ihnen das Modell {product} reparieren lassen?
> Guten Tag {name}, ja. Schicken Sie mir bitte ein Foto der Stelle, dann suche ich das Passende heraus. {agent}
< Das Foto hängt an, der Riss ist etwa drei Zentimeter lang.
> Das bekommen wir hin. Das Etikett ist in Ihrem Postfach, bitte legen Sie einen Zettel mit {ticket} bei.
. Reparatur vereinbart.

~ fr Product question
< Bonjour, est-ce que votre {garment} convient pour la haute montagne ? | Bonjour, quelle taille choisir pour le modèle {garment} ? Je mesure 1,70 m.
> Bonjour {name}, oui, sans problème. Prenez une taille au-dessus si vous portez une polaire. Cordialement, {agent}
< Merci beaucoup !
. Conseil sur la taille.

~ fr Delivery
< Bonjour, ma commande {order} n'est toujours pas arrivée. | Bonjour, le suivi de {order} n'avance plus depuis trois jours.
> Bonjour {name}, désolé pour l'attente. Le colis est au dépôt et sera livré demain. Bien à vous, {agent}
< Il vient d'arriver, merci de votre aide.
. Colis en retard, livré.

~ es Order
< Buenos días, ¿puedo cambiar la dirección del pedido {order}? | Hola, me equivoqué de talla en el pedido {order}. ¿Se puede cambiar?
> Hola {name}, claro que sí. Ya está cambiado. Un saludo, {agent}
< ¡Muchas gracias!
. Pedido cambiado antes del envío.

~ es Return & refund
< Hola, ¿cuándo me devuelven los {amount} del pedido {order}? | Buenas tardes, envié de vuelta el pedido {order} hace una semana y sigo sin el dinero.
> Hola {name}, acabo de liberar el reembolso. Llegará en dos o tres días. Saludos, {agent}
< Perfecto, gracias.
. Reembolso liberado.
`
