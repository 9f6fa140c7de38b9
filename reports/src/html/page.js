document.querySelectorAll(".plot").forEach(function(plot){
  var data=JSON.parse(plot.querySelector("script").textContent),t=data.t,v=data.v;
  var cross=plot.querySelector(".cross"),tip=plot.querySelector(".tip");
  if(!t.length)return;
  function show(e){
    var box=plot.getBoundingClientRect(),f=Math.min(1,Math.max(0,(e.clientX-box.left)/box.width));
    var at=data.t0+f*(data.t1-data.t0),lo=0,hi=t.length-1;
    while(lo<hi){var m=(lo+hi)>>1;if(t[m]<at)lo=m+1;else hi=m;}
    if(lo>0&&at-t[lo-1]<t[lo]-at)lo--;
    var x=data.t1>data.t0?(t[lo]-data.t0)/(data.t1-data.t0):0;
    cross.style.left=100*x+"%";cross.style.display=tip.style.display="block";
    tip.textContent=new Date(t[lo]).toISOString().slice(0,16).replace("T"," ")+"   "+v[lo].toLocaleString("en-US",{minimumFractionDigits:data.d,maximumFractionDigits:data.d})+data.u;
    if(x<.5){tip.style.left="calc("+100*x+"% + .5rem)";tip.style.right="auto";}
    else{tip.style.right="calc("+100*(1-x)+"% + .5rem)";tip.style.left="auto";}
  }
  plot.addEventListener("pointermove",show);
  plot.addEventListener("pointerdown",show);
  plot.addEventListener("pointerleave",function(){cross.style.display=tip.style.display="none";});
});
